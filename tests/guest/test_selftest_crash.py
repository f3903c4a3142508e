# SPDX-License-Identifier: Apache-2.0
"""selftest-crash provokes real crashes and hangs, and finds their evidence, or names the missing part."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import conformance
import pytest
from click.testing import CliRunner

from harness.cli import selftest_crash as command
from harness.core.check import Check
from harness.crash.elf_dump import read_elf
from harness.lab import reaper


def selftest(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [str(conformance.BIN / "wsk-conformance"), "selftest-crash", "--results", str(folder)]
    reaper.adopt()
    before = conformance.left_over()
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=480)
    assert conformance.left_over() <= before
    return done


def test_a_crash_of_the_reference_guest_leaves_all_its_evidence(tmp_path: Path) -> None:
    done = selftest(tmp_path, "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    found = [line.partition(":")[0] for line in done.stdout.splitlines() if line.startswith("ok ")]
    names = ("guest", "crash", "event", "serial log", "bugcheck", "memory dump", "machine", "left")
    assert found == [f"ok      {name}" for name in names]
    assert "warning" not in done.stderr  # libvirt's own words are nobody's business
    (folder,) = tmp_path.iterdir()
    dump = read_elf(folder / "dumps" / "memory-1.elf")
    assert (dump.processors, dump.memory_bytes >> 20) == (2, 256)
    assert "STOP: 0x000000E2 (0x0000000000000003," in (folder / "serial-1.log").read_text()
    assert "<domain type=" in (folder / "serial-1.xml").read_text()


def test_a_hang_of_the_reference_guest_is_found_and_ended_by_an_nmi(tmp_path: Path) -> None:
    done = selftest(tmp_path, "--hang", "--no-dump")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok      hang: the guest stopped answering: no sign of life" in done.stdout
    assert "processor 0 used" in done.stdout
    assert "processor 1 used" in done.stdout
    assert "ok      NMI: sent; the guest stopped: crashed (panicked)" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_guest_that_does_not_exist_is_a_line_and_status_2(tmp_path: Path) -> None:
    done = selftest(tmp_path, "--guest", "windows-3.11")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no guest 'windows-3.11'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_makes_the_status_3_and_keeps_the_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Test:
        def __init__(self, _session: object, folder: Path, *_: object) -> None:
            self._folder = folder

        async def checks(self) -> AsyncIterator[Check]:
            (self._folder / "serial-1.log").touch()
            yield Check("guest", True, "it runs")
            yield Check("event", False, "the hypervisor was told nothing", "install a driver")

    class PreparedGuest:
        def prepare(self, progress: object) -> None:
            pass

    def session(*_: object) -> Any:
        return None

    monkeypatch.setattr("harness.diagnostics.selftest.SelfTest", Test)
    monkeypatch.setattr("harness.run.session.Session", session)
    monkeypatch.setattr("harness.guest.find", lambda _: PreparedGuest())
    done = CliRunner().invoke(command.selftest_crash, ["--results", str(tmp_path)])
    assert done.exit_code == 3
    assert "MISSING event: the hypervisor was told nothing\n        install a driver\n" in done.output
    assert len(list(tmp_path.iterdir())) == 1
