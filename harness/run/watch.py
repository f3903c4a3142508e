# SPDX-License-Identifier: Apache-2.0
"""How busy the host is while cases run.

A busy host stretches every time in the guest, and keeps a peer of ours from its part. What it
did is measured while it happens, so that no sentence blames the guest for it: how late the event
loop was that all peers live in, how long the guest's threads wanted a processor and had none
(proc(5), schedstat), and how long anybody on the host did (proc(5), pressure).
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

from harness.core.units import s

_EVERY_S = 0.2
_KEPT = 36_000  # samples: two hours
_PRESSURE = Path("/proc/pressure/cpu")


@dataclass(frozen=True, slots=True)
class HostLoad:
    """The load of the host during a stretch of time, in ns."""

    loop_lag_ns: int  # the most that the event loop was late
    guest_starved_ns: int  # how long in all a thread of the guest's waited for a processor
    cpu_pressure_ns: int | None  # the same of anybody on the host; None where the kernel does not say


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

    async def __aenter__(self) -> Self:
        self._last_ns = time.time_ns()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    def load(self, since_ns: int, until_ns: int) -> HostLoad:
        """Between two host times, as far back as samples are kept."""
        newer = takewhile(lambda sample: sample.ended_ns >= since_ns, reversed(self._samples))
        found = [sample.load for sample in newer if sample.began_ns <= until_ns]
        if self._task and until_ns > self._last_ns:  # a loop that is late at this moment
            overdue = time.time_ns() - self._last_ns - int(_EVERY_S * s)
            found.append(HostLoad(max(0, overdue), 0, None))
        pressures = [load.cpu_pressure_ns for load in found if load.cpu_pressure_ns is not None]
        return HostLoad(
            max((load.loop_lag_ns for load in found), default=0),
            sum(load.guest_starved_ns for load in found),
            sum(pressures) if pressures else None,
        )

    async def _watch(self) -> None:
        guest = self._guest()
        waits, pressure = _waits(guest), _pressure()
        while True:
            due = time.monotonic() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            lag = max(0, int((time.monotonic() - due) * s))
            now_guest = self._guest()
            now_waits, now_pressure = _waits(now_guest), _pressure()
            starved = 0
            if now_guest == guest:
                starved = max((now_waits[thread] - waits.get(thread, 0) for thread in now_waits), default=0)
            pressed = None if None in (pressure, now_pressure) else now_pressure - pressure  # type: ignore[operator]
            now = time.time_ns()
            self._samples.append(_Sample(self._last_ns, now, HostLoad(lag, starved, pressed)))
            self._last_ns, guest, waits, pressure = now, now_guest, now_waits, now_pressure


def _waits(process: int | None) -> dict[str, int]:
    """The time that each thread of a process has waited for a processor since it began, in ns."""
    return dict(_thread_waits(process)) if process else {}


def _thread_waits(process: int) -> Iterator[tuple[str, int]]:
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended, or nobody counts
                yield thread.name, int((thread / "schedstat").read_text().split()[1])


def _pressure() -> int | None:
    """The time that somebody on this host has waited for a processor, since the host began, in ns."""
    try:
        some = _PRESSURE.read_text().splitlines()[0]
        return int(some.rpartition("total=")[2]) * 1000
    except (OSError, ValueError, IndexError):
        return None
