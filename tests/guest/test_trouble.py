# SPDX-License-Identifier: Apache-2.0
"""A failure is told in a line, counted against whom it belongs to, and leaves nothing behind."""

import html
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import conformance
import pytest

from harness.core.paths import REPOSITORY
from harness.lab import reaper


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    reaper.adopt()
    before = conformance.left_over()
    yield
    assert conformance.left_over() <= before


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits at most two minutes, whether it comes true or not."""
    deadline = time.monotonic() + 120
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def told(ran: conformance.Ran, name: str) -> dict[str, str]:
    """The record's words on a case's end; its serial log is there.

    The report says it too, without being unpacked when the case is a failure or an error.
    """
    case = ran.case(name)
    assert (ran.folder / case["serial_log"]).is_file()
    if case["outcome"] != "unsupported":
        report = html.unescape((ran.folder / "report.html").read_text())
        assert f'href="{case["serial_log"]}"' in report
        assert all(line in report for found in case["findings"] for line in found["lines"] + found["files"])
    return {found["subject"]: "\n".join(found["lines"] + found["files"]) for found in case["findings"]}


def test_a_bugcheck_at_dispatch_level_is_the_guests_and_named(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "bugcheck_at_dispatch", options=["--dump"])
    case = ran.case("test_bugcheck_at_dispatch")
    assert (ran.status, case["outcome"]) == (1, "crashed")
    assert "STOP: 0x000000D5" in case["why"]
    evidence = told(ran, "test_bugcheck_at_dispatch")
    assert "STOP: 0x000000D5" in (ran.folder / case["serial_log"]).read_text()
    assert case["why"].endswith(" DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL (serial-1.log)")
    assert "parameter 1: 0xFFFF" in evidence["bugcheck"]
    assert re.search(r"\d UTC: crashed \(panicked\)$", evidence["machine events"])
    assert evidence["memory dump"].startswith("the guest's own: none: this guest has no disk")
    assert evidence["memory dump"].endswith(
        "\nfrom outside: ELF dump of 256 MiB of memory and 2 processors\ndumps/memory-1.elf"
    )
    assert 'href="dumps/memory-1.elf"' in (ran.folder / "report.html").read_text()
    (ran.folder / "dumps" / "memory-1.elf").unlink()
    assert evidence["pending IRPs"] == evidence["last events"] == "unknown: no trace came out of the guest"


def test_a_guest_that_is_frozen_is_hung_and_destroyed(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "frozen", "well", options=["--at-once", "1"])
    case = ran.case("test_frozen")
    assert (ran.status, case["outcome"]) == (1, "hung"), ran.output
    assert "no sign of life" in case["why"]
    evidence = told(ran, "test_frozen")
    assert evidence["heartbeat"] == "the guest answers nothing any more"
    assert evidence["NMI"].startswith("sent; the guest stopped: crashed (panicked)")
    assert evidence["screen"].startswith("no screenshot")
    assert re.match(r"processor 0 used \d+ ms of \d+ ms", evidence["processors"])
    assert evidence["memory dump"].endswith("none was asked for (--dump)")
    assert (ran.case("test_well")["outcome"], ran.case("test_well")["serial_log"]) == ("pass", "serial-2.log")


def test_an_irp_that_is_never_completed_is_hung_and_named(tmp_path: Path) -> None:
    name = "test_graceful_disconnect_ends_the_connection[ipv4-wsk-socket]"
    place = f"suites/disconnect/test_graceful.py::{name}"
    ran = conformance.run(tmp_path, "--fault", "lost-irp", place)
    assert (ran.status, ran.case(name)["outcome"]) == (1, "hung"), ran.output
    evidence = told(ran, name)
    assert re.fullmatch(r"disconnect #\d+ .*: never completed", evidence["pending IRPs"])
    assert re.search(r"disconnect #\d+ .*: hung, PASSIVE_LEVEL$", evidence["last events"])


def test_an_irp_that_completes_when_its_thread_ends_is_hung_and_said_to_have_waited_for_it(
    tmp_path: Path,
) -> None:
    name = "test_graceful_disconnect_ends_the_connection[ipv4-wsk-socket]"
    place = f"suites/disconnect/test_graceful.py::{name}"
    ran = conformance.run(tmp_path, "--fault", "irp-waits-for-thread", place)
    case = ran.case(name)
    assert (ran.status, case["outcome"]) == (1, "hung"), ran.output
    assert re.match(r"disconnect #\d+ .* did not complete before the thread ended", case["why"])
    assert re.fullmatch(
        r"disconnect #\d+ .*: completed later, .*STATUS_SUCCESS", told(ran, name)["pending IRPs"]
    )


def test_causes_are_told_in_words_and_not_in_code(tmp_path: Path) -> None:
    chosen = "resets_the_connection or overlap or is_recorded or completes_only_when or other_sockets_alone"
    ran = conformance.run(tmp_path, "--fault", "graceful-close", "-k", f"ipv4 and passive and ({chosen})")
    causes = {case["cause"] for case in ran.record["cases"] if case["outcome"] in ("deviation", "changed")}
    assert causes, ran.output
    code = re.compile(r"\w\(|[{}=]|\[['<\"]|\b[a-z]\w+\.(?!toml)[a-z]|\b(?:True|False|None)\b|\b[a-z]+_[a-z]")
    assert [cause for cause in causes if code.search(cause)] == []


def test_a_function_that_the_provider_does_not_have_is_unsupported_and_named(tmp_path: Path) -> None:
    place = "tests/guest/troubled/test_endings.py::test_missing_slot"
    process = conformance.start(
        tmp_path, "pytest", "-p", "no:cacheprovider", "--fault", "no-connect-ex", place
    )
    ran = conformance.finish(tmp_path, process)
    case = ran.case("test_missing_slot")
    assert (ran.status, case["outcome"]) == (0, "unsupported"), ran.output
    assert "dispatch table has no function for connect-ex" in case["why"]
    evidence = told(ran, "test_missing_slot")
    assert "connect-ex #" in evidence["last events"]
    assert evidence["pending IRPs"] == "none"


def test_packets_that_the_capture_lost_are_inconclusive(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "packets_dropped")
    case = ran.case("test_packets_dropped")
    assert (ran.status, case["outcome"]) == (3, "inconclusive"), ran.output
    assert re.search(r"lost [1-9]\d* packets", case["why"])
    assert "disconnect #" in told(ran, "test_packets_dropped")["last events"]


def test_a_bugcheck_costs_no_other_case_its_verdict(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "limit", "bugcheck", "well")
    assert ran.case("test_bugcheck")["outcome"] == "crashed"
    assert ran.case("test_well")["outcome"] == "pass"
    assert ran.status == 1


def test_an_irp_that_only_recovery_completes_is_hung(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "limit")
    assert (ran.status, ran.case("test_limit")["outcome"]) == (1, "hung")
    assert "receive #6" in ran.case("test_limit")["why"]
    evidence = told(ran, "test_limit")
    assert re.fullmatch(r"receive #6 .*: completed later, .*STATUS_\w+", evidence["pending IRPs"])


@pytest.mark.parametrize("name", ["vm_killed", "channel_killed"])
def test_a_lab_that_breaks_is_not_the_guests_fault(name: str, tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, name)
    assert (ran.status, ran.case(f"test_{name}")["outcome"]) == (3, "harness-error"), ran.output
    assert told(ran, f"test_{name}")["pending IRPs"] == "unknown: no trace came out of the guest"


def test_what_was_inconclusive_is_tried_again_and_both_attempts_are_kept(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "inconclusive_once")
    case = ran.case("test_inconclusive_once")
    assert (ran.status, case["outcome"]) == (0, "pass"), ran.output
    assert case["attempts"] == ["inconclusive", "pass"]
    assert case["host"].keys() == {"loop_lag_ns", "guest_starved_ns", "cpu_pressure_ns"}
    (first,) = case["findings"]
    assert first["subject"] == "attempt 1"
    assert first["lines"][0] == "inconclusive: the first try sees nothing"
    assert any("attempt" in file for file in first["files"])
    assert all((ran.folder / file).is_file() for file in first["files"])


def test_lost_events_are_inconclusive(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "events_lost")
    assert (ran.status, ran.case("test_events_lost")["outcome"]) == (3, "inconclusive")
    assert "no room for" in ran.case("test_events_lost")["why"]
    assert "socket #" in told(ran, "test_events_lost")["last events"]


def test_a_fault_of_the_test_is_not_counted_against_the_guest(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "fault_of_our_own", "deviation")
    assert ran.case("test_fault_of_our_own")["outcome"] == "harness-error"
    assert ran.case("test_deviation")["outcome"] == "deviation"
    assert ran.status == 1


def test_ctrl_c_leaves_a_record_and_nothing_else(tmp_path: Path) -> None:
    process = conformance.start(tmp_path, "pytest", "tests/guest/troubled/test_endings.py::test_endless")
    wait_until((tmp_path / "latest" / "serial-1.log").is_file)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    ran = conformance.finish(tmp_path, process)
    assert ran.status == 2, ran.output  # pytest's word for interrupted
    assert ran.record["cases"] == []
    assert (ran.folder / "report.html").is_file()


def test_ctrl_c_ends_all_labs_of_a_run(tmp_path: Path) -> None:
    places = [
        f"tests/guest/troubled/test_endings.py::test_{name}" for name in ("endless", "also_endless", "well")
    ]
    process = conformance.start(tmp_path, "pytest", "-n", "2", "-p", "no:cacheprovider", *places)
    wait_until(lambda: any(tmp_path.glob("*/traces/test_well*.trace")))
    process.send_signal(signal.SIGINT)
    ran = conformance.finish(tmp_path, process)
    assert ran.status == 2, ran.output
    assert len(list(ran.folder.glob("serial-gw*-1.log"))) == 2
    assert {case["outcome"] for case in ran.record["cases"]} <= {"pass"}


def test_a_lab_whose_process_ends_costs_its_own_cases_only(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "process_killed", "well", options=["-n", "2"])
    assert ran.status == 3, ran.output
    assert ran.case("test_process_killed")["outcome"] == "harness-error"
    assert "its lab's process ended unasked" in ran.case("test_process_killed")["why"]
    assert ran.case("test_well")["outcome"] == "pass"


@pytest.mark.parametrize("marker", ["test session starts", "collected", "close/"])
def test_ctrl_c_ends_the_command_in_order_when_it_has_said(marker: str, tmp_path: Path) -> None:
    said = tmp_path / "said"
    command = [str(conformance.BIN / "wsk-conformance"), "run", "--at-once", "1", "--results", str(tmp_path)]
    with said.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    wait_until(lambda: marker in said.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130, said.read_text()
    assert "Traceback" not in said.read_text()


def test_ctrl_c_ends_the_command_in_order_before_it_can_say_anything() -> None:
    program = """
        import signal, sys
        from harness.cli.console import main

        class CtrlC:
            def find_spec(self, name, *_):
                if name == "harness.cli.main":
                    signal.raise_signal(signal.SIGINT)

        sys.meta_path.insert(0, CtrlC())
        main()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--guest", "windows-3.11"], "there is no guest 'windows-3.11'"),
        (["--guest", "windows-10"], "there is no image of windows-10; build one from your ISO"),
        (["--fault", "rust"], "has no fault 'rust'"),
        (["suites/disconnect/test_nothing.py"], "there is no case"),
        (["suites/close/test_pending.py::test_nothing"], "not found"),
        (["-k", "no_such_name"], "no case"),
        (["-n", "2", "suites/close/test_pending.py::test_nothing"], "not found"),
        (["-n", "2", "-k", "no_such_name"], "no case"),
        (["--at-once", "0"], "Invalid value"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_wrong_usage_is_a_line_and_status_2(arguments: list[str], line: str, tmp_path: Path) -> None:
    ran = conformance.run(tmp_path, *arguments)
    assert ran.status == 2
    assert line in ran.output
    assert "Traceback" not in ran.output
    assert list(tmp_path.iterdir()) == []


def test_cases_that_would_be_handed_out_one_by_one_are_refused(tmp_path: Path) -> None:
    arguments = ("suites/close/test_pending.py", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider")
    ran = conformance.finish(tmp_path, conformance.start(tmp_path, "pytest", *arguments))
    assert ran.status == 4  # pytest's word for wrong usage
    assert "leave out --dist" in ran.output
    assert "INTERNALERROR" not in ran.output
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_cannot_be_is_a_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = conformance.run(tmp_path / "file" / "results", "-k", "irql")
    assert ran.status == 2
    assert "cannot keep results in" in ran.output
    assert "Traceback" not in ran.output
