# SPDX-License-Identifier: Apache-2.0
"""What a run cannot do without is looked for before anything is built."""

import os
import resource
import subprocess
from pathlib import Path

import pytest
from conformance import BIN

from harness.core.errors import HarnessError
from harness.run import preflight

CASE = "suites/close/test_duties.py"  # what it would begin with otherwise is soon over
LIMIT_S = 240


def refused(tmp_path: Path, circumstances: list[str]) -> str:
    """The words of a run under these circumstances, which builds and leaves nothing."""
    cache, results = tmp_path / "cache", tmp_path / "results"
    done = subprocess.run(
        [*circumstances, BIN / "wsk-conformance", "run", "--results", results, CASE],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 3, told
    assert "Traceback" not in told
    assert not results.exists()
    assert not (cache / "wsk-conformance" / "reference").exists()
    return told


def test_too_few_open_files_are_told_before_anything_is_built(tmp_path: Path) -> None:
    told = refused(tmp_path, ["sh", "-c", 'ulimit -n 64 && exec "$@"', "-"])
    assert "too few files may be open at once: 64, and this run needs " in told


def test_a_machine_without_tap_devices_is_told_before_anything_is_built(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may hide a device")
    hidden = 'mount -t tmpfs tmpfs /dev/net && exec "$@"'
    assert "/dev/net/tun" in refused(tmp_path, ["unshare", "--mount", "sh", "-c", hidden, "-"])


@pytest.mark.parametrize(
    ("limits", "raised"), [((64, 4096), [(320, 4096)]), ((1024, 1024), []), ((-1, -1), [])]
)
def test_a_limit_that_may_be_raised_is_and_no_further_than_a_run_needs(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: list[tuple[int, int]]
) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: found.append(wanted))
    preflight._allow_files(320)
    assert found == raised


def test_a_limit_that_may_not_be_raised_says_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 128))
    with pytest.raises(HarnessError, match=r"ulimit -n 320.*--at-once"):
        preflight._allow_files(320)
