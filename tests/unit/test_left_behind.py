# SPDX-License-Identifier: Apache-2.0
"""Nothing is left behind by a refusal, and nothing for long by a process that was killed."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from commands import command
from runs import case, record

from harness.core.scratch import scratch_folder
from harness.lab import serial_log
from harness.report.record import latest_of
from harness.run.finishing import undisturbed
from harness.run.processes import RunProcesses

MAKES_ONE = """
import os, signal
from harness.core.scratch import scratch_folder
with scratch_folder("x"):
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_a_folder_of_a_process_that_was_killed_goes_with_the_next(temporary: Path) -> None:
    kills_itself = f"{MAKES_ONE}  os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", kills_itself], check=False)
    (left,) = temporary.iterdir()
    with scratch_folder("other"):
        assert left.exists()
    with scratch_folder("x") as own:
        assert list(temporary.iterdir()) == [own]
        with scratch_folder("x") as another:
            assert sorted(temporary.iterdir()) == sorted([own, another])
    assert list(temporary.iterdir()) == []


def test_a_night_that_is_refused_leaves_no_store(tmp_path: Path) -> None:
    told = command("history", "keep", tmp_path / "nothing", "--store", "new.sqlite", folder=tmp_path)
    assert told.status == 2
    assert list(tmp_path.iterdir()) == []


def test_a_serial_log_without_end_keeps_its_beginning_and_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes it goes on in the same file."""
    monkeypatch.setattr(serial_log, "MOST_BYTES", 4000)
    path = tmp_path / "serial.log"
    with path.open("ab", buffering=0) as qemu:
        qemu.write(b"boots\n" + b"x" * 3994)
        serial_log.shorten(path)
        assert path.stat().st_size == 4000
        for _ in range(5):
            qemu.write(b"y" * 5000 + b"last words\n")
            serial_log.shorten(path)
            assert path.stat().st_size < 2100
        qemu.write(b"more")
    said = path.read_bytes()
    assert said.startswith(b"boots\n")
    assert b"bytes are left out here]\n" in said
    assert said.endswith(b"last words\nmore")


def test_an_empty_run_gives_latest_back_unless_another_has_taken_it(tmp_path: Path) -> None:
    with record(tmp_path) as first:
        first.add(case())
    with record(tmp_path):
        pass
    assert latest_of(tmp_path) == first.run_id
    with record(tmp_path), record(tmp_path) as other:
        other.add(case())
    assert latest_of(tmp_path) == other.run_id


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_is_being_written_is_finished_at_the_first_signal_and_left_at_the_second(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    done = []
    with undisturbed():
        signal.raise_signal(number)
        done.append("written")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert done == ["written"]
    assert "once more to leave that" in capfd.readouterr().err
    assert signal.getsignal(number) is before


def test_a_run_in_a_process_of_its_own_is_ended_with_who_waits_for_it(tmp_path: Path) -> None:
    with (
        (tmp_path / "said").open("w") as said,
        pytest.raises(KeyboardInterrupt),
        RunProcesses().started(["run", "--list"], said=said) as process,
    ):
        raise KeyboardInterrupt
    assert process.poll() is not None
