# SPDX-License-Identifier: Apache-2.0
"""Why a guest was lost, found out once for all the cases that were in it, and the evidence that it left.

A guest that crashed is looked at as it lies. One that hangs is looked at from
outside and then sent an NMI, so that its kernel stops with what it knows; that
stop is our doing and changes nothing about the verdict.
"""

import asyncio
import contextlib
import re
import time
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
from harness.crash.bugcheck import Bugcheck
from harness.crash.dump import read_header
from harness.crash.elf_dump import read_elf
from harness.guest.base import Progress, RunningGuest
from harness.lab import examine
from harness.lab.screen import screenshot

CRASH_NOTICE_LIMIT = 3 * s  # for the hypervisor's word on a guest whose channel broke
ALIVE_LIMIT = 5 * s  # for the clock of a guest in which something hangs
NMI_LIMIT = 10 * s  # for a kernel to stop at it
OWN_DUMP_LIMIT = 300 * s  # for a guest that writes a dump itself
MOST_DUMPS = 3  # of a lab: each is as large as a guest's memory

BUGCHECK = "bugcheck"
EVENTS = "machine events"
MEMORY_DUMP = "memory dump"
HEARTBEAT = "heartbeat"
PROCESSORS = "processors"
SCREEN = "screen"
NMI = "NMI"

FOLDER = "dumps"
_TOLD_EVERY_S = 2.0
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
    """Of one guest. `findings` of the guest get what is learned."""

    guest: RunningGuest
    evidence: CrashEvidence
    _verdict: WskConformanceError | None = None
    _sitting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verdict(self, error: WskConformanceError) -> WskConformanceError:
        """Why a case broke with `error`: the guest's crash or hang, the VM's end, or the error itself."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds(CRASH_NOTICE_LIMIT)):
                await asyncio.shield(self.guest.machine.failure)
        async with self._sitting:
            if self._verdict is None:
                self._verdict = await self._find(error)
        return self._verdict or error

    async def _find(self, error: WskConformanceError) -> WskConformanceError | None:
        """None when nothing is known that concerns the other cases too."""
        machine, findings = self.guest.machine, self.guest.findings
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
                "it needs a driver for pvpanic"
            )
        if isinstance(error, GuestHung) and not findings:
            return await self._hung(error)
        return None

    async def _crashed(self, words: list[str]) -> GuestCrashed:
        machine, findings = self.guest.machine, self.guest.findings
        bugcheck = Bugcheck.find("\n".join(words))
        memory, of_dump = await self._dump()
        bugcheck = bugcheck or of_dump
        if bugcheck:
            findings[BUGCHECK] = bugcheck.explain()
        findings[MEMORY_DUMP] = memory
        await self._let_it_write()
        findings[EVENTS] = self._events()
        what = str(bugcheck) if bugcheck else (words or ["it left no bugcheck on its serial port"])[0]
        return GuestCrashed(f"the guest crashed: {what} ({machine.serial_log.name})")

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
        findings[MEMORY_DUMP], bugcheck = await self._dump()
        if bugcheck:
            findings[BUGCHECK] = bugcheck.explain()
        if not alive:
            await self._let_it_write()
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

    async def _dump(self) -> tuple[list[str], Bugcheck | None]:
        """Lines on what there is of the guest's memory, and the bugcheck where the dump has one."""
        evidence, own = self.evidence, f"the guest's own: {self.guest.dump}"
        if not evidence.wants_dump(self.guest):
            return [own, "from outside: none was asked for (--dump)"], None
        if evidence.dumps >= MOST_DUMPS:
            return [own, f"from outside: none, there are {MOST_DUMPS} of this lab already"], None
        try:
            dump = await asyncio.to_thread(
                examine.dump_memory,
                self.guest.machine,
                self._path("memory"),
                windows=self.guest.kind == "windows",
                progress=evidence.progress,
            )
        except HarnessError as error:
            return [own, f"from outside: none, {error}"], None
        evidence.dumps += 1
        told = [own, *([dump.note] if dump.note else []), self._relative(dump.path)]
        try:
            if dump.format == "ELF":
                return [*told, f"from outside: {read_elf(dump.path)}"], None
            header = read_header(dump.path)
        except HarnessError as error:
            return [*told, f"from outside: {error}"], None
        return [*told, f"from outside: {header}"], header.bugcheck

    async def _let_it_write(self) -> None:
        """A guest that has begun a dump of its own (crash-loaded) ends, or boots again, after it."""
        machine = self.guest.machine
        began = time.monotonic()
        if not machine.writes_dump:
            return
        while not machine.over and time.monotonic() < began + seconds(OWN_DUMP_LIMIT):
            self.evidence.progress(f"the guest writes its dump: {time.monotonic() - began:.0f} s")
            await asyncio.sleep(_TOLD_EVERY_S)
        if not machine.over:
            self.guest.findings[MEMORY_DUMP].append(
                f"the guest's own was not complete after {OWN_DUMP_LIMIT // s} s"
            )

    def _path(self, what: str) -> Path:
        """Named as the guest's serial log is."""
        number = self.guest.machine.serial_log.stem.removeprefix("serial-")
        return self.evidence.folder / FOLDER / f"{what}-{number}"

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.evidence.folder))


async def _told(look: Callable[[], list[str]]) -> list[str]:
    """What it found, or why it found nothing: evidence is taken as far as it can be had."""
    try:
        return await asyncio.to_thread(look)
    except HarnessError as error:
        return [str(error)]
