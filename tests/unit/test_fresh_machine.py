# SPDX-License-Identifier: Apache-2.0
"""bench/fresh_machine.sh makes its systems of this machine's own mirrors, whatever they are called."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from harness.core.paths import REPOSITORY

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="it makes systems as root only")
SCRIPT = REPOSITORY / "bench" / "fresh_machine.sh"
_DEBIANS_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_UBUNTUS_KEYS = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")


def fresh_machine(path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the script with these programs of `path` before all others."""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "TMPDIR": str(path)}
    command = ["bash", str(SCRIPT), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("arguments", [("trixie", "frobnicate"), ("trixie", "run;true")])
def test_any_other_target_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = fresh_machine(tmp_path, *arguments)
    assert (done.returncode, "usage:" in done.stderr) == (2, True)


def asked_of_debootstrap(path: Path, suite: str) -> list[str]:
    """The arguments by which the script has a system made, on a Debian with mirrors of its own."""
    here = platform.freedesktop_os_release()["VERSION_CODENAME"]
    told = (
        f"Elsewhere file:///else {here} main",
        f"Debian file:///mirror/debian/ {here} contrib",
        f"Debian file:///mirror/debian/ {here} main",
        f"Debian file:///mirror/security/ {here}-security main",
    )
    program(path / "apt-get", "\n".join(f"echo '{line}'" for line in told))
    program(path / "debootstrap", f"printf '%s\\n' \"$@\" > {path}/asked; echo cannot >&2; exit 1")
    done = fresh_machine(path, suite)
    assert (done.returncode, "cannot" in done.stderr) == (3, True)
    keys = _UBUNTUS_KEYS if suite in ("noble", "resolute") else _DEBIANS_KEYS
    assert (str(keys) in done.stderr) != keys.exists()
    assert sorted(found.name for found in path.iterdir()) == ["apt-get", "asked", "debootstrap"]
    return (path / "asked").read_text().splitlines()


@AS_ROOT
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_new_system_comes_from_the_mirror_that_apt_has_here(tmp_path: Path, suite: str) -> None:
    asked = asked_of_debootstrap(tmp_path, suite)
    # A release that the debootstrap here does not know, where there is one, is made by the script of another.
    assert asked[asked.index(suite) + 2 :] in (["file:///mirror/debian/"], ["file:///mirror/debian/", "sid"])
    assert "--components=main" in asked


@AS_ROOT
@pytest.mark.parametrize("suite", ["noble", "resolute"])
def test_ubuntu_comes_from_a_mirror_of_ubuntu_with_what_its_community_maintains(
    tmp_path: Path, suite: str
) -> None:
    asked = asked_of_debootstrap(tmp_path, suite)
    assert asked[asked.index(suite) + 2 :] in ([""], ["", "gutsy"])  # debootstrap's own, as apt here has none
    assert "--components=main,universe" in asked
