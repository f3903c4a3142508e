# SPDX-License-Identifier: Apache-2.0
"""`try-driver` as a new user has it: drivers that do right and wrong, and what it tells of each."""

import json
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conformance import BIN, left_over
from reference_drivers import build

from harness.core.paths import REPOSITORY
from harness.lab import reaper
from harness.report.timelines import view
from harness.wire import irp_events
from harness.wire.capture_file import frames as frames_of

_LIMIT = 240  # s
_VISIT = ("--peer", "reads-to-eof", "--ioctl", "Tried:0x222000:{peer}", "--seconds", "0")


@dataclass(frozen=True)
class Tried:
    """A try that is over."""

    status: int
    said: str
    results: Path

    @property
    def folder(self) -> Path:
        return self.results / "latest"

    @property
    def case(self) -> dict[str, Any]:
        (case,) = json.loads((self.folder / "run.json").read_text())["cases"]
        return dict(case)

    def finding(self, subject: str) -> list[str]:
        """The lines of one subject; empty when it is not there."""
        found = [one["lines"] for one in self.case["findings"] if one["subject"].startswith(subject)]
        return list(found[0]) if found else []

    def events(self, label: str) -> list[tuple[str, int | None, int]]:
        """Kind, status and IRQL of what the timeline has of a function."""
        rows = json.loads((self.folder / self.case["timeline"]).read_text())["rows"]
        guest = [row for row in rows if row["side"] == "guest" and row["label"].startswith(label)]
        return [(row["kind"], row["status"], row["irql"]) for row in guest]


def start(driver: Path, results: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(BIN / "wsk-conformance"), "try-driver", str(driver), *words, "--results", str(results)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def tried(folder: Path, *flags: str, words: tuple[str, ...] = _VISIT) -> Tried:
    """Build drivers/tried.c with the flags, and try it."""
    process = start(build("tried", folder, *flags), folder / "results", *words)
    try:
        said, _ = process.communicate(timeout=_LIMIT)
    except BaseException:
        process.kill()
        raise
    return Tried(process.returncode, said, folder / "results")


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    return tried(tmp_path_factory.mktemp("right"), "-DDEED=RIGHT")


def test_a_driver_that_does_right_passes(right: Tried) -> None:
    assert right.status == 0, right.said
    assert right.case["outcome"] == "pass"
    assert right.finding("left at its unload") == []
    assert right.finding("controls") == ["ioctl 0x222000 of Tried: STATUS_SUCCESS"]
    assert right.finding("peer")[-1] == "connection 1: 100 bytes received, the driver's direction: eof"


def test_its_calls_are_in_the_timeline_with_their_statuses_and_levels(right: Tried) -> None:
    assert [kind for kind, *_ in right.events("WskDisconnect")] == ["call", "return", "completion"]
    assert ("completion", 0, 2) in right.events("WskCloseSocket")
    assert right.finding("WSK calls")


def test_its_calls_are_between_the_packets_of_its_capture(right: Tried) -> None:
    with (right.folder / right.case["capture"]).open("rb") as file:
        frames = list(frames_of(file))
    told = [irp_events.decoded(frame.data) for frame in frames if frame.link == irp_events.LINK_TYPE]
    assert any("WskDisconnect" in (line or "") for line in told)
    assert len(frames) > len(told)


def test_the_report_has_its_ladder(right: Tried) -> None:
    page = (right.folder / "report.html").read_text()
    assert "A driver is judged here, in the reference guest" in page
    assert "WskDisconnect #" in {
        row.label[:15] for _, row in view(right.folder, right.case["timeline"]).events
    }


def test_pool_that_is_left_stops_it_and_is_told_by_size_and_tag(tmp_path: Path) -> None:
    leaks = tried(tmp_path, "-DDEED=LEAK_POOL")
    assert (leaks.status, leaks.case["outcome"]) == (1, "crashed"), leaks.said
    assert leaks.finding("bugcheck")[0].startswith("*** STOP: 0x000000C4 (0x0000000000000062")
    (left,) = leaks.finding("left at its unload")
    assert re.fullmatch(r"not freed: 100 bytes of pool, tag Leak, allocated at \+0x\w+", left)


def test_an_irp_that_is_left_is_told(tmp_path: Path) -> None:
    leaks = tried(tmp_path, "-DDEED=LEAK_IRP")
    assert leaks.status == 1, leaks.said
    assert re.search("tag irp", "".join(leaks.finding("left at its unload")))


def test_a_socket_that_is_left_hangs_its_unload_and_is_told(tmp_path: Path) -> None:
    leaks = tried(tmp_path, "-DDEED=LEAK_SOCKET")
    assert (leaks.status, leaks.case["outcome"]) == (1, "hung"), leaks.said
    assert leaks.finding("sockets that it had not closed") == ["socket 1, of WskSocket #1"]
    assert any("WskDeregister" in line for line in leaks.finding("stack"))
    assert any(re.match(r"tried\S*\+0x", line) for line in leaks.finding("stack"))


def test_a_driver_that_waits_for_its_close_for_ever_hangs(tmp_path: Path) -> None:
    hangs = tried(tmp_path, "-DDEED=HANG_IN_CLOSE")
    assert (hangs.status, hangs.case["outcome"]) == (1, "hung"), hangs.said
    assert "its unload routine did not return" in hangs.case["why"]
    assert any("KeWaitForSingleObject" in line for line in hangs.finding("stack"))


def test_a_bugcheck_is_told_with_its_stack_and_the_calls_before_it(tmp_path: Path) -> None:
    crashes = tried(tmp_path, "-DDEED=BUGCHECK")
    assert (crashes.status, crashes.case["outcome"]) == (1, "crashed"), crashes.said
    assert crashes.finding("bugcheck")[0].startswith("*** STOP: 0x000000C9")
    assert any(re.match(r"tried\S*\+0x", line) for line in crashes.finding("stack"))
    assert any("IoFreeIrp" in line for line in crashes.finding("stack"))
    assert [kind for kind, *_ in crashes.events("WskDisconnect")] == ["call", "return", "completion"]


def test_pageable_memory_at_dispatch_level_is_met(tmp_path: Path) -> None:
    touches = tried(tmp_path, "-DDEED=TOUCH_PAGED_POOL")
    assert (touches.status, touches.case["outcome"]) == (1, "crashed"), touches.said
    assert touches.finding("bugcheck")[0].startswith("*** STOP: 0x000000D1")
    assert any(re.match(r"tried\S*\+0x", line) for line in touches.finding("stack"))


def test_a_broken_rule_for_clients_is_told_unless_that_is_not_wanted(tmp_path: Path) -> None:
    breaks = tried(tmp_path, "-DDEED=BREAK_A_RULE")
    assert breaks.status == 1, breaks.said
    assert "address-padding" in breaks.finding("rules for clients")[0]
    assert tried(tmp_path, "-DDEED=BREAK_A_RULE", words=(*_VISIT, "--no-strict-client")).status == 0


def test_an_import_that_the_guest_lacks_is_named_and_counts_against_nobody(tmp_path: Path) -> None:
    lacks = tried(tmp_path, "-DDEED=RIGHT", "-DIMPORTS_AN_UNKNOWN_NAME")
    assert (lacks.status, lacks.case["outcome"]) == (3, "unsupported"), lacks.said
    assert "KePulseEvent" in lacks.finding("imports")[0]


def test_a_control_that_reaches_no_driver_is_no_pass(tmp_path: Path) -> None:
    """As when its device's name is misspelt."""
    missed = tried(tmp_path, "-DDEED=RIGHT", words=("--ioctl", "Tired:0x222000", "--seconds", "0"))
    assert (missed.status, missed.case["outcome"]) == (3, "inconclusive"), missed.said
    assert "none has a device \\DosDevices\\Tired" in missed.case["why"]


def test_a_closed_window_shows_what_the_driver_waits_for(tmp_path: Path) -> None:
    """Its control does not come back: the disconnect waits for data that does not go."""
    words = ("--peer", "zero-window", "--ioctl", "Tried:0x222000:{peer}", "--seconds", "0")
    waits = tried(tmp_path, "-DDEED=RIGHT", words=words)
    assert waits.finding("peer")[-1].startswith("connection 1: 0 bytes received"), waits.said


def test_a_program_drives_it_and_knows_the_peer(tmp_path: Path) -> None:
    program = tmp_path / "drive.sh"
    program.write_text('#!/bin/sh\necho "at $PEER_ADDRESS:$PEER_PORT"; ntdriver ioctl Nothing 0x222000\n')
    ran = tried(tmp_path, "-DDEED=RIGHT", words=("--program", str(program), "--seconds", "30"))
    assert ran.status == 0, ran.said
    assert ran.finding("controls")[0].startswith("drive.sh: exit status 1, at 10.8.0.1:10007")


def test_ctrl_c_ends_it_in_a_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    reaper.adopt()
    process = start(build("tried", tmp_path, "-DDEED=RIGHT"), tmp_path / "results", "--seconds", "600")
    assert process.stdout
    for line in process.stdout:
        if "letting it run" in line:
            break
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    for _ in range(50):
        if not left_over():
            break
        time.sleep(0.1)
    assert left_over() == set()
