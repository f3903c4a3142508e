# SPDX-License-Identifier: Apache-2.0
"""A test that fails beside others may be repeated, but is called flaky and counted."""

from pathlib import Path

import pytest
from patient_pytest import by_itself, groups, main

FLAKY = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_now_and_then(number):
    ran = Path(__file__).with_name(f"ran-{count}-{{number}}")
    again = ran.exists()
    ran.touch()
    assert again
"""
BROKEN = "def test_broken():\n    assert False\n"
GOOD = "def test_good():\n    pass\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def test_what_passes_is_run_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([write("test_good.py", GOOD)]) == 0
    said = capfd.readouterr().out
    assert "1 passed" in said
    assert "flaky" not in said


def test_what_passes_alone_is_called_flaky(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([write("test_flaky.py", FLAKY.format(count=2)), write("test_good.py", GOOD)]) == 0
    said = capfd.readouterr().out
    assert "2 failed: they are run again, by themselves" in said
    assert "flaky: 2 failed beside others and passed alone" in said
    assert "  test_flaky.py::test_now_and_then[1]" in said


def test_what_fails_twice_is_a_failure_and_not_flaky(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([write("test_flaky.py", FLAKY.format(count=1)), write("test_broken.py", BROKEN)]) == 1
    said = capfd.readouterr().out
    assert "flaky: 1 failed" in said
    assert "  test_broken.py" not in said


def test_more_than_three_flaky_tests_are_a_failure_whatever_runs_they_are_of(
    capfd: pytest.CaptureFixture[str],
) -> None:
    two, three = write("test_two.py", FLAKY.format(count=2)), write("test_three.py", FLAKY.format(count=3))
    assert main([two, "--", three]) == 1
    said = capfd.readouterr().out
    assert "flaky: 5 failed" in said
    assert "more than 3 are a failure" in said


def test_a_run_that_did_not_come_to_its_end_is_not_repeated(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-file.py"]) == 4
    assert main([write("test_none.py", "")]) == 5
    assert "run again" not in capfd.readouterr().out


def test_a_file_that_cannot_be_collected_is_no_flaky_test(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([write("test_bad.py", "import no_such_module"), write("test_good.py", GOOD)]) == 2
    assert "flaky" not in capfd.readouterr().out


def test_a_run_that_is_killed_is_a_failure() -> None:
    assert main([write("test_killed.py", "import os\ndef test_it():\n    os.kill(os.getpid(), 9)\n")]) == 9


def test_the_second_run_has_the_machine_to_itself() -> None:
    arguments = ["--durations", "15", "-n", "3", "--dist", "loadfile", "--numprocesses=4", "tests"]
    assert by_itself(arguments) == ["--durations", "15", "tests"]


def test_groups_are_runs_of_their_own() -> None:
    assert list(groups(["a", "--x", "--", "b"])) == [["a", "--x"], ["b"]]
