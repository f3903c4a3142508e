# SPDX-License-Identifier: Apache-2.0
"""What is left behind: nothing by a refusal, and nothing for long by a process that was killed."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from commands import command

from harness.core.scratch import scratch_folder
from harness.run.finishing import undisturbed

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
