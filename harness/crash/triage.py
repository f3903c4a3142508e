# SPDX-License-Identifier: Apache-2.0
"""Why a guest was lost, found out once for all the cases that were in it, and the evidence that it left.

A guest that crashed is looked at as it lies. One that hangs is looked at from
outside and then sent an NMI, so that its kernel stops with what it knows; that
stop is our doing and changes nothing about the verdict.
"""

import asyncio
import contextlib
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from harness.core.errors import (
    ChannelLost,
    GuestCrashed,
    GuestHung,
    GuestSilent,
    HarnessError,
    WskConformanceError,
)
from harness.core.units import s, seconds
from harness.crash import own_dump
from harness.crash.bugcheck import Bugcheck
from harness.crash.dump import DumpHeader, read_header
from harness.crash.elf_dump import read_elf
from harness.guest.base import Progress, RunningGuest
from harness.lab import examine, libvirt_embed
from harness.lab.machine import Machine
from harness.lab.screen import screenshot

_log = logging.getLogger(__name__)


CRASH_NOTICE_LIMIT = 3 * s  # for the hypervisor's word on a guest whose channel broke
SHUTDOWN_LIMIT = 60 * s  # for that of a guest that shuts itself down by order, and answers no more meanwhile
ALIVE_LIMIT = 5 * s  # for the clock of a guest in which something hangs
NMI_LIMIT = 10 * s  # for a kernel to stop at it
MOST_DUMPS = 3  # of a lab: each is as large as a guest's memory

BUGCHECK = "bugcheck"
EVENTS = "machine events"
MEMORY_DUMP = "memory dump"
HEARTBEAT = "heartbeat"
PROCESSORS = "processors"
SCREEN = "screen"
NMI = "NMI"

FOLDER = "dumps"
# With which Windows says that it hangs: CLOCK_WATCHDOG_TIMEOUT, DPC_WATCHDOG_VIOLATION,
# SYNTHETIC_WATCHDOG_TIMEOUT. Whether that or our heartbeat comes first is chance.
WATCHDOGS = (0x101, 0x133, 0x1CA)
_PANIC = re.compile(r"\*\*\* STOP: .*|Kernel panic - not syncing: .*")


@dataclass
class CrashEvidence:
    """Where a lab keeps what it takes from guests, and whether it takes their memory; counts the dumps."""

    folder: Path  # the run's
    dump: bool | None
    progress: Progress
    dumps: int = 0

    def wants_dump(self, guest: RunningGuest) -> bool:
        """The user's word, and without one the guest's."""
        return guest.memory_dump if self.dump is None else self.dump


@dataclass
class CrashTriage:
    """Finds out why one guest was lost; its `findings` get what is learned."""

    guest: RunningGuest
    evidence: CrashEvidence
    _verdict: WskConformanceError | None = None
    _sitting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verdict(self, error: WskConformanceError) -> WskConformanceError:
        """Why a case broke with `error`: the guest's crash or hang, the VM's end, or the error itself."""
        with contextlib.suppress(TimeoutError):
            limit = SHUTDOWN_LIMIT if self.guest.ends_itself else CRASH_NOTICE_LIMIT
            async with asyncio.timeout(seconds(limit)):
                await asyncio.shield(self.guest.machine.failure)
        async with self._sitting:
            if self._verdict is None:
                self._verdict = await self._find(error)
        _log.info("%s, explained as: %s", error, self._verdict or "the case's own")
        return self._verdict or error

    async def _find(self, error: WskConformanceError) -> WskConformanceError | None:
        """The reason that concerns all cases of the guest, or None."""
        machine, findings = self.guest.machine, self.guest.findings
        if machine.failure.done() and machine.starved and not machine.crashed:
            findings[EVENTS] = self._events()
            return HarnessError(
                "the host could not read or write the guest's disk, and the guest stands still: "
                f"is there room? ({_room()})"
            )
        words = _PANIC.findall(machine.serial_tail(200))
        if machine.crashed or words:  # a kernel that stops may not get to tell the hypervisor
            return await self._crashed(words)
        if machine.failure.done():
            findings[EVENTS] = self._events()
            log = machine.serial_log.name
            return HarnessError(
                f"the VM ended by itself: {machine.failure.result()} ({log} has its last words)"
            )
        if any(event.kind == "reboot" for event in machine.events):
            findings[EVENTS] = self._events()
            return HarnessError(
                "the guest restarted by itself: after a bugcheck that nothing told of, or because it was to; "
                "pvpanic wants its driver (virtio-win), Hyper-V's crash registers want KVM"
            )
        if isinstance(error, GuestHung) and not findings:
            return await self._hung(error)
        return None

    async def _crashed(self, words: list[str]) -> WskConformanceError:
        machine, findings = self.guest.machine, self.guest.findings
        bugcheck = Bugcheck.find("\n".join(words)) or _told_to_hypervisor(machine)
        bugcheck = await self._keep_memory(stopped=True) or bugcheck
        if bugcheck:
            findings[BUGCHECK] = bugcheck.explain()
        findings[EVENTS] = self._events()
        log = machine.serial_log.name
        if bugcheck and bugcheck.code in WATCHDOGS:
            findings[HEARTBEAT] = [f"the guest's own watchdog found that it hangs: {bugcheck}"]
            return GuestSilent(f"the guest hangs; its own watchdog stopped it: {bugcheck} ({log})")
        what = str(bugcheck) if bugcheck else (words or ["it left no bugcheck on its serial port"])[0]
        return GuestCrashed(f"the guest crashed: {what} ({log})")

    async def _hung(self, error: GuestHung) -> GuestHung | None:
        """None for a guest that lives: then it is only the one case's."""
        findings = self.guest.findings
        alive = not isinstance(error, GuestSilent) and await self._answers()
        findings[HEARTBEAT] = [
            "the guest still answers: only what was asked of it does not end"
            if alive
            else "the guest answers nothing any more"
        ]
        findings[PROCESSORS] = await _told(self._processors)
        findings[SCREEN] = await _told(self._screenshot)
        if not alive:
            findings[NMI] = await self._stop_it()
        if bugcheck := await self._keep_memory(stopped=self.guest.machine.crashed):
            findings[BUGCHECK] = bugcheck.explain()
        findings[EVENTS] = self._events()
        return None if alive else GuestSilent(str(error))

    def _events(self) -> list[str]:
        """All that the hypervisor told, by the host's clock."""
        return [
            f"{datetime.fromtimestamp(event.time_ns / s, UTC):%H:%M:%S.%f} UTC: {event}"
            for event in self.guest.machine.events
        ]

    async def _answers(self) -> bool:
        try:
            await self.guest.control.clock(seconds(ALIVE_LIMIT))
        except (GuestHung, ChannelLost):
            return False
        return True

    def _processors(self) -> list[str]:
        return [str(processor) for processor in examine.processors(self.guest.machine)]

    def _screenshot(self) -> list[str]:
        stem = self._path("screen")
        stem.parent.mkdir(exist_ok=True)
        return [self._relative(screenshot(self.guest.machine, stem))]

    async def _stop_it(self) -> list[str]:
        """With an NMI, so that the kernel says where it was."""
        machine = self.guest.machine
        try:
            await asyncio.to_thread(examine.inject_nmi, machine)
            async with asyncio.timeout(seconds(NMI_LIMIT)):
                event = await asyncio.shield(machine.failure)
        except HarnessError as error:
            return [str(error)]
        except TimeoutError:
            return [f"sent; the guest did not stop at it within {NMI_LIMIT // s} s"]
        said = _PANIC.findall(machine.serial_tail(200))
        return [f"sent; the guest stopped: {event}", *said[:1]]

    async def _keep_memory(self, *, stopped: bool) -> Bugcheck | None:
        """From outside, as the guest lies; where it is `stopped`, its own dump in the place of that.

        The bugcheck that they tell of.
        """
        lines, outside, bugcheck = await self._dump_from_outside()
        own = [f"the guest's own: {self.guest.dump}"]
        if stopped and (self.guest.own_dump or self.guest.machine.writes_dump):
            what = await own_dump.written(self.guest.machine, self.evidence.progress)
            own.append(f"the guest's own {what}")
            if outside and (fetched := await self._fetch_own(own)):
                outside.unlink()
                lines, bugcheck = [], fetched.bugcheck
        self.guest.findings[MEMORY_DUMP] = [*own, *lines]
        return bugcheck

    async def _dump_from_outside(self) -> tuple[list[str], Path | None, Bugcheck | None]:
        """Lines on it, the file, and the bugcheck where that has one."""
        evidence = self.evidence
        if not evidence.wants_dump(self.guest):
            return ["from outside: none was asked for (--dump)"], None, None
        if evidence.dumps >= MOST_DUMPS:
            return [f"from outside: none, there are {MOST_DUMPS} of this lab already"], None, None
        try:
            dump = await asyncio.to_thread(
                examine.dump_memory,
                self.guest.machine,
                self._path("memory"),
                windows=self.guest.kind == "windows",
                progress=evidence.progress,
            )
        except HarnessError as error:
            return [f"from outside: none, {error}"], None, None
        evidence.dumps += 1
        told = [*([dump.note] if dump.note else []), self._relative(dump.path)]
        try:
            if dump.format == "ELF":
                return [*told, f"from outside: {read_elf(dump.path)}"], dump.path, None
            header = read_header(dump.path)
        except HarnessError as error:
            return [*told, f"from outside: {error}"], dump.path, None
        return [*told, f"from outside: {header}"], dump.path, header.bugcheck

    async def _fetch_own(self, lines: list[str]) -> DumpHeader | None:
        """The guest's own dump, off its disk, in the run's folder; None when there is no whole one."""
        target = self._path("memory").with_name(f"{self._path('memory').name}-own.dmp")
        try:
            if self.guest.own_dump is None:
                raise HarnessError("it is not on a disk")
            self.evidence.progress("fetching the guest's own dump from its disk")
            await asyncio.to_thread(self.guest.machine.end)
            await asyncio.to_thread(own_dump.fetch, self.guest.own_dump, target)
            header = read_header(target)
            if header.bugcheck is None:
                raise HarnessError("it says nothing of a bugcheck")
        except HarnessError as error:
            target.unlink(missing_ok=True)
            lines.append(f"the guest's own was not taken: {error}")
            return None
        lines += [self._relative(target), f"the guest's own: {header}"]
        return header

    def _path(self, what: str) -> Path:
        """Named as the guest's serial log is."""
        number = self.guest.machine.serial_log.stem.removeprefix("serial-")
        return self.evidence.folder / FOLDER / f"{what}-{number}"

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.evidence.folder))


def _told_to_hypervisor(machine: Machine) -> Bugcheck | None:
    return Bugcheck(machine.panic[0], machine.panic[1:]) if machine.panic else None


def _room() -> str:
    folder = libvirt_embed.root()
    return f"{shutil.disk_usage(folder).free >> 20} MiB are free in {folder}"


async def _told(look: Callable[[], list[str]]) -> list[str]:
    """What it found, or why it found nothing: evidence is taken as far as it can be had."""
    try:
        return await asyncio.to_thread(look)
    except HarnessError as error:
        return [str(error)]
