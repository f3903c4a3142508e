# SPDX-License-Identifier: Apache-2.0
"""`pip install` of the wheel gives a wskc that works, with no checkout beside it."""

from pathlib import Path

import pytest
from wheels import Installed, install

from harness.core.paths import REPOSITORY

STORED_RUN = REPOSITORY / "tests" / "data" / "run-schema-3"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("wheel"))


def test_everything_is_found_in_the_wheel_and_nothing_is_built_in_it(wheel: Installed) -> None:
    told = wheel.python("from harness.core import paths; print(paths.REPOSITORY); print(paths.BUILT_DRIVER)")
    repository, built = (Path(line) for line in told.splitlines())
    assert repository.is_relative_to(wheel.folder / "venv")
    assert not built.is_relative_to(wheel.folder / "venv")
    for name in ("suites", "guest_driver", "images"):
        ours = {path.relative_to(REPOSITORY) for path in (REPOSITORY / name).rglob("*") if path.is_file()}
        theirs = {path.relative_to(repository) for path in (repository / name).rglob("*") if path.is_file()}
        assert {path for path in ours ^ theirs if "__pycache__" not in path.parts} == set()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("--help",), "requirements"),
        (("requirements",), "WskDisconnect"),
        (("run", "--list"), "test_graceful_disconnect_ends_the_connection"),
        (("doctor",), "Python"),
        (("selfcheck", "--help"), "fault"),
    ],
)
def test_commands_that_need_no_guest_work(wheel: Installed, command: tuple[str, ...], said: str) -> None:
    done = wheel.wskc(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout


def test_a_stored_run_is_reported(wheel: Installed) -> None:
    done = wheel.wskc("report", str(STORED_RUN), "--format", "markdown")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass" in done.stdout


def test_the_reference_guest_is_built_and_judged(wheel: Installed) -> None:
    done = wheel.wskc(
        "run",
        "suites/disconnect/test_graceful.py::test_graceful_disconnect_ends_the_connection[ipv4-wsk-socket]",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (wheel.folder / "elsewhere" / "results" / "latest" / "report.html").is_file()
