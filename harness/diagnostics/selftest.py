# SPDX-License-Identifier: Apache-2.0
"""Does the evidence of a lost guest arrive? Provokes a crash or a hang, and looks for each piece of it."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from harness.core.check import Check
from harness.core.errors import GuestCrashed, GuestHung, WskConformanceError
from harness.crash import triage
from harness.crash.bugcheck import Bugcheck
from harness.crash.dump import read_header
from harness.crash.elf_dump import read_elf
from harness.crash.findings import Findings, Subject
from harness.guest.base import Progress, RunningGuest
from harness.guest.control import Heartbeat
from harness.lab import libvirt_embed, watchdog
from harness.run.case import Case
from harness.run.session import Session
from harness.scenario import Scenario

# Nothing but the frozen guest is waited for, so less patience does than in a run.
HEARTBEAT = Heartbeat(every_s=1.0, limit_s=5.0)

_CODE = 0xE2  # MANUALLY_INITIATED_CRASH
_NMI_CODE = 0x80  # what Windows makes of ours
_STEPS_BEFORE = 3  # the driver gives the number of its step as the first parameter
PROVOKED = Bugcheck(_CODE, (_STEPS_BEFORE, 0, 0, 0))


@dataclass(frozen=True)
class SelfTest:
    """One crash, or one hang, of the guest of `session`, whose folder takes what it leaves."""

    session: Session
    folder: Path
    hang: bool
    dump: bool
    progress: Progress

    async def checks(self) -> AsyncIterator[Check]:
        """One finding after the other, as they are made; the last is that nothing is left."""
        async with self.session as session:
            began = time.monotonic()
            await session.guest_pool.ready()
            async with session.guest_pool.lease() as lease:
                guest = lease.guest
                guest.control.heartbeat = HEARTBEAT
            yield Check("guest", True, f"{guest.build} ({guest.accelerator}), {_since(began)}")
            error = await self._provoke(session)
            yield self._verdict(error)
            findings = lease.triage.findings if lease.triage else Findings()
            for check in self._of_hang(guest, findings) if self.hang else self._of_crash(guest, error):
                yield check
            yield self._memory(guest, findings)
            await session.guest_pool.retire()
            yield _destroyed(guest)
        yield _left()

    async def _provoke(self, session: Session) -> WskConformanceError | None:
        plan = Scenario(dangerous=True)
        for _ in range(_STEPS_BEFORE):
            plan.nothing()
        if self.hang:
            self.progress(f"freezing the guest; that is noticed after {HEARTBEAT.limit_s:g} s")
            plan.freeze()
        else:
            self.progress("crashing the guest")
            plan.bugcheck(_CODE)
        try:
            await Case(session, "selftest-crash").run(plan)
        except WskConformanceError as error:
            return error
        return None

    def _verdict(self, error: WskConformanceError | None) -> Check:
        kind = GuestHung if self.hang else GuestCrashed
        what = "hang" if self.hang else "crash"
        if error is None:
            remedy = "the driver did not do it: is it the one of this version? install it again"
            return Check(what, False, "the guest went on as if nothing were", remedy)
        remedy = "see the serial log, and `wsk-conformance doctor`"
        return Check(what, isinstance(error, kind), str(error), remedy)

    def _of_crash(self, guest: RunningGuest, error: WskConformanceError | None) -> list[Check]:
        event = next((str(event) for event in guest.machine.events if event.kind == "crashed"), "")
        found = Bugcheck.find(str(error))
        words = Bugcheck.find(guest.machine.serial_tail(200))
        return [
            Check(
                "event",
                bool(event),
                event or "the hypervisor was told nothing",
                "Windows needs pvpanic's driver of virtio-win, or a KVM with Hyper-V's crash registers",
            ),
            Check(
                "serial log",
                bool(words) or guest.kind == "windows",
                str(words) if words else "without a bugcheck; Windows writes none there",
                f"look at {guest.machine.serial_log}",
            ),
            Check(
                "bugcheck",
                found == PROVOKED,
                "as it was provoked" if found == PROVOKED else f"{found}; provoked was {PROVOKED}",
                "it comes from the serial log, or from a dump in Windows' format",
            ),
        ]

    def _of_hang(self, guest: RunningGuest, findings: Findings) -> list[Check]:
        told = {finding.subject: "; ".join(finding.told) for finding in findings.for_people()}
        return [
            Check(
                "processors",
                findings.all_processors_run,
                told.get(Subject.PROCESSORS, "not looked at"),
                "all should be looping; the host may be too busy to run them",
            ),
            Check(
                "screen",
                guest.kind != "windows" or isinstance(findings.screen, str),
                told.get(Subject.SCREEN, "not looked at"),
                "a Windows machine needs a <video> device",
            ),
            Check(
                "NMI",
                any(event.kind == "crashed" for event in guest.machine.events),
                told.get(Subject.NMI, "none was sent"),
                "the guest must stop at an NMI: on Windows NMICrashDump=1 in CrashControl",
            ),
        ]

    def _memory(self, guest: RunningGuest, findings: Findings) -> Check:
        """The dump from outside, read once more as anybody would."""
        name = "memory dump"
        told = "; ".join(findings.memory.lines + findings.memory.files) if findings.memory else "none"
        if not self.dump:
            return Check(name, True, told)
        paths = sorted((self.folder / triage.FOLDER).glob("memory-*"))
        if not paths:
            return Check(name, False, told, "see why; --no-dump does without")
        try:
            if paths[0].suffix == ".elf":
                dump = read_elf(paths[0])
                ok = dump.processors == int(guest.info["processors"])
                return Check(name, ok, str(dump), "the dump should have a note for each processor")
            bugcheck = read_header(paths[0]).bugcheck
        except WskConformanceError as error:
            return Check(name, False, str(error), "the dump cannot be used")
        code = _NMI_CODE if self.hang else _CODE
        ok = bugcheck is not None and bugcheck.code == code
        return Check(name, ok, f"{paths[0].name}: {bugcheck}", f"its bugcheck should be 0x{code:X}")


def _destroyed(guest: RunningGuest) -> Check:
    pid = guest.machine.pid
    gone = pid is None or not Path(f"/proc/{pid}").exists()
    detail = f"QEMU {pid} is gone" if gone else f"QEMU {pid} is still there"
    return Check("machine", gone, detail, f"kill {pid}")


def _left() -> Check:
    left = [str(pid) for pid in watchdog.processes_of(str(libvirt_embed.root()))]
    if left:
        return Check("left", False, f"processes {' '.join(left)} run on", f"kill {' '.join(left)}")
    return Check("left", True, "nothing")


def _since(began: float) -> str:
    return f"started in {time.monotonic() - began:.1f} s"
