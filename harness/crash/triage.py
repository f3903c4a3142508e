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
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.core.errors import (
    ChannelLost,
    GuestCrashed,
    GuestHung,
    GuestSilent,
    GuestUnreachable,
    HarnessError,
    WskConformanceError,
)
from harness.core.units import s, seconds
from harness.crash import own_dump
from harness.crash.bugcheck import Bugcheck
from harness.crash.dump import DumpHeader, read_header
from harness.crash.elf_dump import read_elf
from harness.crash.findings import Findings, MemoryDumps, NotHad, Stopped, had
from harness.guest.base import Progress, RunningGuest
from harness.lab import examine, libvirt_embed
from harness.lab.machine import Machine
from harness.lab.screen import screenshot

_log = logging.getLogger(__name__)


CRASH_NOTICE_LIMIT = 3 * s  # for the hypervisor's word on a guest whose channel broke
WATCHDOG_LIMIT = 30 * s  # for that of one whose network is dead: its own watchdog may have begun to count
SHUTDOWN_LIMIT = 60 * s  # for that of a guest that shuts itself down by order, and answers no more meanwhile
ALIVE_LIMIT = 5 * s  # for the clock of a guest in which something hangs
NMI_LIMIT = 10 * s  # for a kernel to stop at it
MOST_DUMPS = 3  # of a lab: each is as large as a guest's memory

FOLDER = "dumps"
# With which Windows says that it hangs: CLOCK_WATCHDOG_TIMEOUT, DPC_WATCHDOG_VIOLATION,
# SYNTHETIC_WATCHDOG_TIMEOUT. Whether that or our heartbeat comes first is chance.
WATCHDOGS = (0x101, 0x133, 0x1CA)
_PANIC = re.compile(r"\*\*\* STOP: .*|Kernel panic - not syncing: .*")
_BUG = re.compile(r"BUG: .*")  # why Linux is about to stop; it goes on after some of them


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
    """Finds out why one guest was lost, and adds to its `findings`."""

    guest: RunningGuest
    evidence: CrashEvidence
    findings: Findings = field(default_factory=Findings)
    _verdict: WskConformanceError | None = None
    _sitting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verdict(self, error: WskConformanceError) -> WskConformanceError:
        """Why a case broke with `error`: the guest's crash or hang, the VM's end, or the error itself."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds(self._notice_limit(error))):
                await asyncio.shield(self.guest.machine.failure)
        async with self._sitting:
            if self._verdict is None:
                self._verdict = await self._find(error)
        _log.info("%s, explained as: %s", error, self._verdict or "the case's own")
        return self._verdict or error

    def _notice_limit(self, error: WskConformanceError) -> int:
        """ns for the hypervisor's word on the machine."""
        if self.guest.ends_itself:
            return SHUTDOWN_LIMIT
        return WATCHDOG_LIMIT if isinstance(error, GuestUnreachable) else CRASH_NOTICE_LIMIT

    async def _find(self, error: WskConformanceError) -> WskConformanceError | None:
        """The reason that concerns all cases of the guest, or None."""
        machine, findings = self.guest.machine, self.findings
        if machine.failure.done() and machine.starved and not machine.crashed:
            findings.events = list(machine.events)
            return HarnessError(
                "the host could not read or write the guest's disk, and the guest stands still: "
                f"is there room? ({_room()})"
            )
        words = _PANIC.findall(machine.serial_tail(200))
        if machine.crashed or words:  # a kernel that stops may not get to tell the hypervisor
            return await self._crashed(words)
        if machine.failure.done():
            findings.events = list(machine.events)
            log = machine.serial_log.name
            return HarnessError(
                f"the VM ended by itself: {machine.failure.result()} ({log} has its last words)"
            )
        if any(event.kind == "reboot" for event in machine.events):
            findings.events = list(machine.events)
            return HarnessError(
                "the guest restarted by itself: after a bugcheck that nothing told of, or because it was to; "
                "pvpanic wants its driver (virtio-win), Hyper-V's crash registers want KVM"
            )
        if isinstance(error, GuestHung | GuestUnreachable) and not findings:
            return await self._hung(error)
        return None

    async def _crashed(self, words: list[str]) -> WskConformanceError:
        machine, findings = self.guest.machine, self.findings
        bugcheck = Bugcheck.find("\n".join(words)) or _told_to_hypervisor(machine)
        bugcheck = await self._keep_memory(stopped=True) or bugcheck
        if bugcheck:
            findings.bugcheck = bugcheck
        findings.events = list(machine.events)
        log = machine.serial_log.name
        if bugcheck and bugcheck.code in WATCHDOGS:
            findings.watchdog = bugcheck
            return GuestSilent(f"the guest hangs; its own watchdog stopped it: {bugcheck} ({log})")
        words = _BUG.findall(machine.serial_tail(200)) + words
        what = str(bugcheck) if bugcheck else (words or ["it left no bugcheck on its serial port"])[0]
        return GuestCrashed(f"the guest crashed: {what} ({log})")

    async def _hung(self, error: GuestHung | GuestUnreachable) -> GuestHung | None:
        """None for a guest that lives: then it is only the one case's."""
        machine, findings = self.guest.machine, self.findings
        alive = not isinstance(error, GuestSilent) and await self._answers()
        findings.answers = alive
        findings.processors = await asyncio.to_thread(had, partial(examine.processors, machine))
        findings.screen = await asyncio.to_thread(had, self._screenshot)
        if not alive:
            findings.nmi = await self._stop_it()
        if bugcheck := await self._keep_memory(stopped=machine.crashed):
            findings.bugcheck = bugcheck
        findings.events = list(machine.events)
        return None if alive else GuestSilent(str(error))

    async def _answers(self) -> bool:
        try:
            await self.guest.control.clock(seconds(ALIVE_LIMIT))
        except (GuestHung, ChannelLost):
            return False
        return True

    def _screenshot(self) -> str:
        return self._relative(screenshot(self.guest.machine, self._path("screen")))

    async def _stop_it(self) -> Stopped | NotHad:
        """Stops the guest with an NMI, so that the kernel says where it was."""
        machine = self.guest.machine
        try:
            await asyncio.to_thread(examine.inject_nmi, machine)
            async with asyncio.timeout(seconds(NMI_LIMIT)):
                event = await asyncio.shield(machine.failure)
        except HarnessError as error:
            return NotHad(str(error))
        except TimeoutError:
            return Stopped(None, limit_s=seconds(NMI_LIMIT))
        said = _PANIC.findall(machine.serial_tail(200))
        return Stopped(event, *said[:1])

    async def _keep_memory(self, *, stopped: bool) -> Bugcheck | None:
        """Dumps memory from outside, as the guest lies; the own dump of a `stopped` guest replaces that.

        Returns the bugcheck that the dumps tell of.
        """
        own, outside = MemoryDumps([f"the guest's own: {self.guest.dump}"]), MemoryDumps()
        bugcheck = await self._dump_from_outside(outside)
        if stopped and (self.guest.own_dump or self.guest.machine.writes_dump):
            what = await own_dump.written(self.guest.machine, self.evidence.progress)
            own.lines.append(f"the guest's own {what}")
            if outside.files and (fetched := await self._fetch_own(own)):
                for name in outside.files:
                    (self.evidence.folder / name).unlink()
                outside, bugcheck = MemoryDumps(), fetched.bugcheck
        self.findings.memory = MemoryDumps(own.lines + outside.lines, own.files + outside.files)
        return bugcheck

    async def _dump_from_outside(self, told: MemoryDumps) -> Bugcheck | None:
        """The bugcheck where it has one."""
        evidence = self.evidence
        if not evidence.wants_dump(self.guest):
            told.lines.append("from outside: none was asked for (--dump)")
            return None
        if evidence.dumps >= MOST_DUMPS:
            told.lines.append(f"from outside: none, there are {MOST_DUMPS} of this lab already")
            return None
        try:
            dump = await asyncio.to_thread(
                examine.dump_memory,
                self.guest.machine,
                self._path("memory"),
                windows=self.guest.kind == "windows",
                progress=evidence.progress,
            )
        except HarnessError as error:
            told.lines.append(f"from outside: none, {error}")
            return None
        evidence.dumps += 1
        told.lines += [dump.note] if dump.note else []
        told.files.append(self._relative(dump.path))
        is_elf = dump.format == "ELF"
        found = had(partial(read_elf if is_elf else read_header, dump.path))
        told.lines.append(f"from outside: {found}")
        return found.bugcheck if isinstance(found, DumpHeader) else None

    async def _fetch_own(self, told: MemoryDumps) -> DumpHeader | None:
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
            told.lines.append(f"the guest's own was not taken: {error}")
            return None
        told.files.append(self._relative(target))
        told.lines.append(f"the guest's own: {header}")
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
