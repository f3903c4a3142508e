# SPDX-License-Identifier: Apache-2.0
"""How busy the host is while cases run.

A busy host stretches every time in the guest, and keeps a peer of ours from its part. What it
did is measured while it happens, so that no sentence blames the guest for it: how late the event
loop was that all peers live in, how long the guest's threads wanted a processor and had none
(proc(5), schedstat), or were stopped or waited for the host's disk (proc(5), stat), and how long
anybody on the host wanted one (proc(5), pressure).
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Self

from harness.core.units import ms, s

_EVERY_S = 0.2
_KEPT = 36_000  # samples: two hours
_PRESSURE = Path("/proc/pressure/cpu")
_TASKS = "/proc/{}/task"
_STOOD_STILL = 500 * ms
_HELD = "TtD"  # states of a thread that does not run whatever processor is free: stopped, traced, on a disk
_OF_CPUS = "CPU "  # how QEMU names its threads that are processors of the guest's


@dataclass(frozen=True, slots=True)
class HostLoad:
    """The load of the host during a stretch of time, in ns."""

    loop_lag_ns: int  # the most that the event loop was late
    guest_starved_ns: int  # how long in all a thread of the guest's waited for a processor, or was held
    cpu_pressure_ns: int | None  # the first of anybody on the host; None where the kernel does not say

    @property
    def guest_kept_ns(self) -> int:
        """How long the guest may have been kept from running.

        A host that stood still, as one that is a VM itself may, shows in the event loop alone: it is
        late then by more than our own work makes it.
        """
        stood_still = self.loop_lag_ns if self.loop_lag_ns >= _STOOD_STILL else 0
        return max(self.guest_starved_ns, stood_still)


@dataclass(frozen=True, slots=True)
class _Sample:
    """The load from `began_ns` to `ended_ns`, host times."""

    began_ns: int
    ended_ns: int
    load: HostLoad


class HostWatch:
    """Use it as `async with`; `guest` tells the process of the guest that runs, or None."""

    def __init__(self, guest: Callable[[], int | None] = lambda: None) -> None:
        self._guest = guest
        self._samples: deque[_Sample] = deque(maxlen=_KEPT)
        self._task: asyncio.Task[None] | None = None
        self._last_ns = 0
        self._known = _Glance(None, {}, False, None)

    async def __aenter__(self) -> Self:
        self._last_ns, self._known = time.time_ns(), _glance(self._guest())
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    def load(self, since_ns: int, until_ns: int) -> HostLoad:
        """Between two host times, as far back as samples are kept."""
        if self._task and until_ns > self._last_ns:  # a loop that is late at this moment
            self._take(max(0, time.time_ns() - self._last_ns - int(_EVERY_S * s)))
        newer = takewhile(lambda sample: sample.ended_ns >= since_ns, reversed(self._samples))
        found = [sample.load for sample in newer if sample.began_ns <= until_ns]
        pressures = [load.cpu_pressure_ns for load in found if load.cpu_pressure_ns is not None]
        return HostLoad(
            max((load.loop_lag_ns for load in found), default=0),
            sum(load.guest_starved_ns for load in found),
            sum(pressures) if pressures else None,
        )

    async def _watch(self) -> None:
        while True:
            due = time.monotonic() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            self._take(max(0, int((time.monotonic() - due) * s)))

    def _take(self, lag: int) -> None:
        """A sample since the last one."""
        seen, now = _glance(self._guest()), time.time_ns()
        known = self._known
        starved, pressed = 0, None
        if seen.guest == known.guest:
            waits = (wait - known.waits.get(thread, 0) for thread, wait in seen.waits.items())
            held = now - self._last_ns if seen.held or known.held else 0
            starved = max(held, *waits, 0)
        if seen.pressure is not None and known.pressure is not None:
            pressed = seen.pressure - known.pressure
        self._samples.append(_Sample(self._last_ns, now, HostLoad(lag, starved, pressed)))
        self._last_ns, self._known = now, seen


@dataclass(frozen=True, slots=True)
class _Glance:
    """The host at one moment; times count from a beginning of their own, in ns."""

    guest: int | None  # its process
    waits: dict[str, int]  # for how long each of its threads has waited for a processor
    held: bool  # is one stopped that the guest cannot do without?
    pressure: int | None


def _glance(guest: int | None) -> _Glance:
    return _Glance(guest, _waits(guest), guest is not None and _is_held(guest), _pressure())


def _waits(process: int | None) -> dict[str, int]:
    """The time that each thread of a process has waited for a processor since it began, in ns."""
    return dict(_thread_waits(process)) if process else {}


def _thread_waits(process: int) -> Iterator[tuple[str, int]]:
    with contextlib.suppress(OSError):
        for thread in Path(_TASKS.format(process)).iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended, or nobody counts
                yield thread.name, int((thread / "schedstat").read_text().split()[1])


def _is_held(process: int) -> bool:
    """Is its first thread, or one that is a processor of the guest's, in a state of _HELD?"""
    return any(state in _HELD for state in _thread_states(process))


def _thread_states(process: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for thread in Path(_TASKS.format(process)).iterdir():
            with contextlib.suppress(OSError, IndexError):  # it has ended
                name, _, rest = (thread / "stat").read_text().partition("(")[2].rpartition(")")
                if thread.name == str(process) or name.startswith(_OF_CPUS):
                    yield rest.split()[0]


def _pressure() -> int | None:
    """The time that somebody on this host has waited for a processor, since the host began, in ns."""
    try:
        some = _PRESSURE.read_text().splitlines()[0]
        return int(some.rpartition("total=")[2]) * 1000
    except (OSError, ValueError, IndexError):
        return None
