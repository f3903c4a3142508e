# SPDX-License-Identifier: Apache-2.0
"""Findings about the end of a guest are data: nobody looks into their sentences."""

from harness.core.errors import HarnessError
from harness.crash.bugcheck import Bugcheck
from harness.crash.findings import Finding, Findings, MemoryDumps, NotHad, Stopped, Subject, had
from harness.lab.examine import Processor
from harness.lab.machine import MachineEvent

BUSY, IDLE = Processor(0, 0.5, 0.4), Processor(1, 0.5, 0.0)


def told(findings: Findings) -> dict[Subject, Finding]:
    return {found.subject: found for found in findings.for_people()}


def test_what_was_not_looked_at_is_no_finding() -> None:
    assert not Findings()
    assert told(Findings()) == {}


def test_files_stand_apart_from_lines() -> None:
    findings = Findings(screen="dumps/screen-1.png", memory=MemoryDumps(["whole"], ["dumps/memory-1.elf"]))
    assert told(findings)[Subject.SCREEN].files == ("dumps/screen-1.png",)
    assert told(findings)[Subject.MEMORY_DUMP] == Finding(
        Subject.MEMORY_DUMP, ("whole",), ("dumps/memory-1.elf",)
    )


def test_processors_that_were_not_seen_do_not_run() -> None:
    assert Findings(processors=[BUSY]).all_processors_run
    assert not Findings(processors=[BUSY, IDLE]).all_processors_run
    assert not Findings(processors=NotHad("it runs away")).all_processors_run
    assert not Findings().all_processors_run


def test_evidence_that_could_not_be_had_says_why() -> None:
    def refuse() -> str:
        raise HarnessError("the hypervisor is gone")

    screen = had(refuse)
    assert screen == NotHad("the hypervisor is gone")
    assert told(Findings(screen=screen))[Subject.SCREEN].lines == ("the hypervisor is gone",)


def test_a_guest_that_answers_and_one_that_does_not_differ() -> None:
    assert "still answers" in told(Findings(answers=True))[Subject.HEARTBEAT].lines[0]
    assert "answers nothing" in told(Findings(answers=False))[Subject.HEARTBEAT].lines[0]
    watchdog = Findings(answers=False, watchdog=Bugcheck(0x101, (0, 0, 0, 0)))
    assert "own watchdog" in told(watchdog)[Subject.HEARTBEAT].lines[0]


def test_an_nmi_tells_what_came_of_it() -> None:
    event = MachineEvent(0, "crashed", "panicked")
    stopped = told(Findings(nmi=Stopped(event, "*** STOP")))[Subject.NMI]
    assert stopped.lines == ("sent; the guest stopped: crashed (panicked)", "*** STOP")
    went_on = told(Findings(nmi=Stopped(None, limit_s=10)))[Subject.NMI]
    assert went_on.lines == ("sent; the guest did not stop at it within 10 s",)


def test_events_are_told_by_the_hosts_clock() -> None:
    events = told(Findings(events=[MachineEvent(0, "reboot", "")]))[Subject.EVENTS]
    assert events.lines == ("00:00:00.000000 UTC: reboot",)
