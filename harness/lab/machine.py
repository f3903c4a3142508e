# SPDX-License-Identifier: Apache-2.0
"""A running VM: what happened to it, what it said on its serial port, and its end."""

import asyncio
import contextlib
import json
import logging
import os
import select
import signal
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import libvirt
import libvirt_qemu

from harness.core.errors import ChannelLost, HarnessError
from harness.lab.serial_log import shorten

_log = logging.getLogger(__name__)

_DESTROY_LIMIT_S = 10.0
_END_LIMIT_S = 60.0
_SERIAL_TAIL_BYTES = 65536
_SERIAL_LOOK_S = 1.0

_T = TypeVar("_T")

_ENDS = frozenset({"stopped", "shutdown", "exited"})
_FAILURES = _ENDS | {"crashed"}
_STARVED = ("suspended", "ioerror")
_PANIC_EVENT = "GUEST_PANICKED"
_PANIC_KIND = "hyper-v"  # QEMU's qapi/run-state.json


def _names(prefix: str) -> dict[int, str]:
    """libvirt's constants that begin with `prefix`, as number -> lower-case rest of the name."""
    return {
        value: name.removeprefix(prefix).lower()
        for name, value in vars(libvirt).items()
        if name.startswith(prefix) and "_" not in name.removeprefix(prefix)
    }


_KINDS = _names("VIR_DOMAIN_EVENT_")
_DETAILS = {kind: _names(f"VIR_DOMAIN_EVENT_{kind.upper()}_") for kind in _KINDS.values()}


@dataclass(frozen=True)
class MachineEvent:
    """Something libvirt told about the machine, at `time_ns` of the host's wall clock."""

    time_ns: int
    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.detail})" if self.detail else self.kind


class Machine:
    """A VM that was started; `destroy` ends it.

    `events` has everything libvirt told, in order. `failure` is resolved with
    the event when the machine crashes, stops or shuts down unasked, or when the
    host cannot read or write its disk. `panic` is what a Windows told of its
    crash without any driver: its bugcheck's code and four parameters.
    """

    def __init__(
        self, domain: "libvirt.virDomain", pid: int | None, serial_log: Path, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Take over a paused domain. `pid` is its QEMU when that runs on this host and is ours."""
        self.domain = domain
        self.name: str = domain.name()
        self.pid = pid
        self.serial_log = serial_log
        self.events: list[MachineEvent] = []
        self.failure: asyncio.Future[MachineEvent] = loop.create_future()
        self._loop = loop
        self.panic: tuple[int, ...] = ()
        self._ended = threading.Event()
        self._process = None if pid is None else os.pidfd_open(pid)
        self._ending = self._asked_to_end = False
        self._panic_handler: int | None = None
        self._restart: asyncio.Future[None] | None = None
        self._lock = threading.Lock()
        self._handlers = self._attach()
        if self._process is not None:
            threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()

    @property
    def crashed(self) -> bool:
        """Whether the guest's kernel said through pvpanic that it has stopped."""
        return any(event.kind == "crashed" for event in self.events)

    @property
    def writes_dump(self) -> bool:
        """Whether the kernel said that it stops and writes a dump, for which it must be left to itself."""
        return any(event.detail == "crashloaded" for event in self.events)

    @property
    def starved(self) -> bool:
        """Whether the machine stands still because the host could not read or write its disk."""
        return any((event.kind, event.detail) == _STARVED for event in self.events)

    @property
    def over(self) -> bool:
        """Whether the machine has ended, boots again or stands still for want of its disk."""
        ends = any(event.kind in _ENDS or event.kind == "reboot" for event in self.events)
        return ends or self.starved

    def resume(self) -> None:
        """Let the paused machine run."""
        self.domain.resume()

    async def unless_it_fails(self, work: Coroutine[None, None, _T]) -> _T:
        """The result of `work`. Raises ChannelLost, without waiting for it, when the machine fails first."""
        task = asyncio.ensure_future(work)
        either: list[asyncio.Future[Any]] = [task, self.failure]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if task.cancelled():
            raise ChannelLost(f"the VM failed: {self.failure.result()}")
        return task.result()

    def expect_restart(self) -> "asyncio.Future[None]":
        """The next restart is wanted, and no sign of a crash; done when it comes."""
        self._restart = self._loop.create_future()
        return self._restart

    def serial_tail(self, lines: int = 20) -> str:
        """The last lines of the serial port's output, or of its last 64 KiB; empty when there was none."""
        try:
            with self.serial_log.open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - _SERIAL_TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def end(self) -> None:
        """End the machine in good order: what QEMU holds back of its disk is written.

        `destroy` is still to be called. Raises HarnessError when it does not end.
        """
        if self._process is None:
            raise HarnessError(f"QEMU of {self.name} is not ours to end")
        self._asked_to_end = True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGTERM)
        if not self._ended.wait(_END_LIMIT_S):
            raise HarnessError(f"QEMU of {self.name} did not end within {_END_LIMIT_S:.0f} s")

    def destroy(self) -> None:
        """End the machine now, and see to it that its QEMU is gone; again is harmless.

        Takes at most some 20 s. Raises HarnessError when QEMU cannot be killed.
        """
        with self._lock:
            if self._ending:
                return
            self._ending = True
        self._kill()
        # libvirt's own destroy is for its books; it has no limit, hence the thread.
        worker = threading.Thread(target=self._destroy_domain, daemon=True)
        worker.start()
        worker.join(_DESTROY_LIMIT_S)
        if worker.is_alive():
            raise HarnessError(
                f"libvirt did not end {self.name} in {_DESTROY_LIMIT_S:.0f} s; start a new run"
            )

    def _destroy_domain(self) -> None:
        for handler in self._handlers:
            with contextlib.suppress(libvirt.libvirtError):
                self.domain.connect().domainEventDeregisterAny(handler)
        if self._panic_handler is not None:
            with contextlib.suppress(libvirt.libvirtError):
                libvirt_qemu.qemuMonitorEventDeregister(self.domain.connect(), self._panic_handler)
        # The domain is transient: it may have vanished with its QEMU.
        with contextlib.suppress(libvirt.libvirtError):
            self.domain.destroy()

    def _kill(self) -> None:
        """Nothing of the guest is kept, so QEMU need not end in good order, which takes it a second."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
        if not self._ended.wait(_DESTROY_LIMIT_S):
            raise HarnessError(
                f"QEMU of {self.name} (pid {self.pid}) survives SIGKILL: look at the host's log"
            )
        os.close(self._process)

    def _watch(self, process: int) -> None:
        """Wait for QEMU's end and collect it, without which libvirt takes it for alive."""
        # A pidfd becomes readable when its process has ended.
        while not select.select([process], [], [], _SERIAL_LOOK_S)[0]:
            with contextlib.suppress(OSError):  # a full disk, or a run whose folder was deleted
                shorten(self.serial_log)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, process, os.WEXITED)
        self._ended.set()
        self._note("exited", "QEMU ended")

    def _attach(self) -> list[int]:
        connection = self.domain.connect()
        # What a lifecycle event tells of a crash is only that there was one.
        with contextlib.suppress(libvirt.libvirtError):
            self._panic_handler = libvirt_qemu.qemuMonitorEventRegister(
                connection, self.domain, _PANIC_EVENT, self._on_panic, None, 0
            )
        register = connection.domainEventRegisterAny
        return [
            register(self.domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle, None),
            register(self.domain, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, self._on_reboot, None),
            register(self.domain, libvirt.VIR_DOMAIN_EVENT_ID_WATCHDOG, self._on_watchdog, None),
        ]

    # These four are called in libvirt's event thread.

    def _on_panic(
        self, _connection: Any, _domain: Any, _event: str, _s: int, _us: int, details: str, _opaque: Any
    ) -> None:
        self.panic = self.panic or panic_of(details)

    def _on_lifecycle(self, _connection: Any, _domain: Any, kind: int, detail: int, _opaque: Any) -> None:
        name = _KINDS.get(kind, str(kind))
        self._note(name, _DETAILS.get(name, {}).get(detail, str(detail)))

    def _on_reboot(self, _connection: Any, _domain: Any, _opaque: Any) -> None:
        if self._restart is None:
            self._note("reboot", "")
            return
        wanted, self._restart = self._restart, None
        self._note("restarted", "as wanted")
        self._loop.call_soon_threadsafe(_fulfil, wanted)

    def _on_watchdog(self, _connection: Any, _domain: Any, action: int, _opaque: Any) -> None:
        self._note("watchdog", str(action))

    def _note(self, kind: str, detail: str) -> None:
        event = MachineEvent(time.time_ns(), kind, detail)
        self.events.append(event)
        _log.info("%s: %s", self.name, event)
        is_failure = kind in _FAILURES or (kind, detail) == _STARVED
        if is_failure and not self._ending and not self._asked_to_end:
            # The loop is gone when the lab is being torn down.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._fail, event)

    def _fail(self, event: MachineEvent) -> None:
        if not self.failure.done():
            self.failure.set_result(event)


def _fulfil(wanted: "asyncio.Future[None]") -> None:
    if not wanted.done():
        wanted.set_result(None)


def panic_of(details: str) -> tuple[int, ...]:
    """The bugcheck in the JSON of QEMU's event, code first; empty when the guest gave none."""
    try:
        told = json.loads(details).get("info", {})
        if told.get("type") == _PANIC_KIND:
            return tuple(int(told[f"arg{number}"]) for number in range(1, 6))
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()
    return ()
