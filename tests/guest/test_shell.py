# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance shell`: a lab that is worked in by hand."""

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import conformance
import pytest
from conformance import BIN

from harness.core.paths import REPOSITORY
from harness.scenario import Category, Family, Scenario, encode


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A scenario of five steps: a listening socket is created, waited for, closed, waited for."""
    plan = Scenario()
    sock = plan.socket(Family.IPV4, category=Category.LISTEN)
    plan.wait(sock.creation)
    plan.wait(plan.close(sock))
    plan.nothing()
    path = tmp_path / "listener.scenario"
    path.write_bytes(encode(plan))
    return path


def shell(results: Path, command: str) -> conformance.Ran:
    process = conformance.start(results, "wsk-conformance", "shell", "-c", command)
    return conformance.finish(results, process)


def test_a_command_is_in_the_labs_network_with_the_guest_beside_it(tmp_path: Path) -> None:
    ran = shell(tmp_path, "cat /proc/net/dev; guest wskctl info; guest false; echo ended with $?; exit 7")
    assert "test0:" in ran.output
    assert "eth0:" not in ran.output
    assert "ended with 1" in ran.output
    assert ran.status == 7


def test_a_scenario_is_performed_whole_or_up_to_a_step(tmp_path: Path, stored: Path) -> None:
    ran = shell(tmp_path, f"scenario {stored}; echo; echo then; scenario {stored} 2")
    whole, _, first = ran.output.partition("\nthen\n")
    assert "step 4" in whole
    assert "COMPLETED" in whole
    assert "step 1" in first
    assert "step 3" not in first


def test_what_is_wrong_is_said_in_a_line_and_the_shell_goes_on(tmp_path: Path, stored: Path) -> None:
    wrong = [f"scenario {tmp_path}/none.scenario", f"scenario {stored} 9", "scenario /bin/sh"]
    wrong += ["scenario", "guest"]
    ran = shell(tmp_path, "; ".join([*wrong, "echo still here"]))
    assert "none.scenario: No such file" in ran.output
    assert "the scenario has 5 steps" in ran.output
    assert "usage: scenario FILE [STEPS]" in ran.output
    assert "usage: guest COMMAND" in ran.output
    assert "Traceback" not in ran.output
    assert (ran.status, ran.output.rstrip().endswith("still here")) == (0, True)


def test_an_unknown_guest_or_fault_is_a_wrong_usage(tmp_path: Path) -> None:
    for option in ("--guest", "--fault"):
        process = conformance.start(tmp_path, "wsk-conformance", "shell", option, "nonesuch")
        ran = conformance.finish(tmp_path, process)
        assert ran.status == 2, ran.output
        assert "nonesuch" in ran.output
        assert "Traceback" not in ran.output


def test_a_run_keeps_its_guest_for_a_shell(tmp_path: Path) -> None:
    """The shell is the user's; here it says where it is, and ends at once."""
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\nguest wskctl info\ncat /proc/net/dev\nexit 4\n")
    shell.chmod(0o700)
    ours, its = pty.openpty()
    command = [str(BIN / "wskc"), "run", "--keep-guest", "--results", str(tmp_path / "results")]
    command.append("suites/disconnect/test_misuse.py")
    environment = {**os.environ, "SHELL": str(shell)}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=its, stdout=its, stderr=its
    ) as process:
        os.close(its)
        shown = conformance.read_terminal(ours)
    assert process.returncode == 0, shown
    assert shown.index("The guest runs.") < shown.index("abi=") < shown.index("test0:")
    assert shown.rindex("report:") > shown.index("test0:")


def test_a_run_that_keeps_its_guest_needs_a_terminal_and_one_lab(tmp_path: Path) -> None:
    process = conformance.start(tmp_path, "wsk-conformance", "run", "--keep-guest")
    ran = conformance.finish(tmp_path, process)
    assert ran.status == 2
    assert "--keep-guest opens a shell: it takes a terminal, and one lab" in ran.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_what_its_command_started(tmp_path: Path, number: signal.Signals) -> None:
    started = tmp_path / "started"
    command = f"sleep 600 & echo $! > {started}.part; mv {started}.part {started}; wait"
    process = conformance.start(tmp_path / "results", "wsk-conformance", "shell", "-c", command)
    while not started.exists() and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(number)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == (130 if number == signal.SIGINT else 3), said
    deadline = time.monotonic() + 20
    while lives(started.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not lives(started.read_text().strip())


def lives(pid: str) -> bool:
    """Is it more than a zombie that nobody has collected yet?"""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
