# SPDX-License-Identifier: Apache-2.0
"""A whole run on the reference guest, as a user starts it."""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import conformance
import pytest

# What the other suites stand on; bench/stability.py measures whether all come to the same every time.
GROUND = (
    "suites/disconnect/test_graceful.py",
    "suites/disconnect/test_buffer.py",
    "suites/disconnect/test_abortive.py",
    "suites/disconnect/test_half_open.py",
    "suites/close/test_kinds.py",
    "suites/close/test_pending.py",
    "suites/contract/test_status.py",
)
# A busy machine may lose some evidence; more than this share would not be the machine.
LOST = 0.01


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> conformance.Ran:
    return conformance.run(tmp_path_factory.mktemp("results"), *GROUND)


def test_without_faults_the_ground_passes(clean: conformance.Ran) -> None:
    outcomes = Counter(case["outcome"] for case in clean.record["cases"])
    assert outcomes.total() > 200
    assert set(outcomes) <= {"pass", "recorded", "inconclusive"}, clean.output
    assert outcomes["inconclusive"] <= LOST * outcomes.total(), clean.output
    assert clean.status == (3 if outcomes["inconclusive"] else 0)


def test_the_record_names_guest_cases_and_their_files(clean: conformance.Ran) -> None:
    run = clean.record
    assert {"schema", "run_id", "started", "seconds", "guest", "cases"} <= set(run)
    assert {"name", "kind", "build", "accelerator"} <= set(run["guest"])
    for case in run["cases"]:
        assert {"id", "requirements", "outcome", "seconds", "why", "capture", "trace"} <= set(case)
        assert all((clean.folder / case[file]).is_file() for file in ("capture", "trace", "scenario"))


def test_junit_and_report_tell_of_every_case(clean: conformance.Ran) -> None:
    count = len(clean.record["cases"])
    assert (clean.folder / "junit.xml").read_text().count("<testcase ") == count
    assert "says nothing about Windows" in (clean.folder / "report.html").read_text()


def test_wireshark_reads_every_capture_without_complaint(clean: conformance.Ran) -> None:
    captures = sorted(clean.folder.glob("captures/*.pcapng"))
    assert len(captures) == len(clean.record["cases"])
    assert subprocess.run(["capinfos", *captures], capture_output=True, timeout=60).returncode == 0
    for capture in captures[:10]:
        read = subprocess.run(["tshark", "-r", capture], capture_output=True, text=True, timeout=60)
        assert read.returncode == 0
        assert "Malformed" not in read.stdout


def test_wireshark_shows_the_irp_events_before_the_packets_they_cause(clean: conformance.Ran) -> None:
    case = clean.case("test_graceful_disconnect_ends_the_connection[ipv4-wsk-socket]")
    fields = [part for field in ("Protocol", "Source", "Info") for part in ("-e", f"_ws.col.{field}")]
    command = ["tshark", "-r", str(clean.folder / case["capture"]), "-T", "fields", *fields]
    command += ["-e", "frame.comment"]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.splitlines()
    connect, disconnect = (
        next(n for n, line in enumerate(lines) if re.search(rf"^IRP\t10.*\t{name} #\d+ .*: call", line))
        for name in ("connect", "disconnect")
    )
    assert "[SYN]" not in "".join(lines[:connect])
    assert "[SYN]" in "".join(lines[connect:disconnect])
    assert "[FIN, ACK]" not in "".join(lines[:disconnect])
    assert "[FIN, ACK]" in "".join(lines[disconnect:])


def test_pytest_does_the_same_work(tmp_path: Path) -> None:
    arguments = ("suites/", "--guest", "reference", "-k", "irql", "-p", "no:cacheprovider")
    ran = conformance.finish(tmp_path, conformance.start(tmp_path, "pytest", *arguments))
    assert ran.status == 0, ran.output
    assert ran.record["cases"]
    assert all("irql" in case["id"] for case in ran.record["cases"])


def test_two_labs_come_to_the_same_as_one(tmp_path: Path) -> None:
    arguments = ("suites/close/test_kinds.py", "suites/close/test_pool.py")
    one = conformance.run(tmp_path / "one", *arguments)
    two = conformance.run(tmp_path / "two", "-n", "2", *arguments)
    assert (one.status, two.status) == (0, 0), one.output + two.output
    assert outcomes(two) == outcomes(one)
    assert {case["serial_log"][:11] for case in two.record["cases"]} == {"serial-gw0-", "serial-gw1-"}
    for case in two.record["cases"]:
        assert all(
            (two.folder / case[file]).is_file() for file in ("capture", "trace", "scenario", "timeline")
        )


def outcomes(ran: conformance.Ran) -> list[tuple[str, str, list[str]]]:
    return [(case["id"], case["outcome"], case["requirements"]) for case in ran.record["cases"]]


def test_two_runs_at_the_same_time_do_not_notice_each_other(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    command = ("wsk-conformance", "run", "suites/close/test_kinds.py")
    processes = [conformance.start(folder, *command) for folder in folders]
    for folder, process in zip(folders, processes, strict=True):
        ran = conformance.finish(folder, process)
        assert ran.status == 0, ran.output


def test_stored_timelines_are_in_order(clean: conformance.Ran) -> None:
    for case in clean.record["cases"]:
        rows = json.loads((clean.folder / case["timeline"]).read_text())["rows"]
        times = [row["time_ns"] for row in rows]
        assert times == sorted(times)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a second guest has to have a processor")
def test_only_cases_that_want_a_guest_to_themselves_are_in_a_second_one(tmp_path: Path) -> None:
    ran = conformance.run(tmp_path, "suites/close/test_callbacks.py")
    performed: dict[str, set[str]] = {"serial-beside-1.log": set()}
    for case in ran.record["cases"]:
        performed.setdefault(case["serial_log"], set()).add(re.sub(r".*::|\[.*", "", case["id"]))
    assert performed["serial-beside-1.log"] <= {
        "test_a_close_waits_for_the_callback_that_is_in_progress",
        "test_a_cancelled_close_does_not_complete_before_the_callback_returns",
    }
    assert {path.name for path in ran.folder.glob("serial-*.log")} == set(performed)
