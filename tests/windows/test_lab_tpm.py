# SPDX-License-Identifier: Apache-2.0
"""A software TPM: made, started, ended, and the error when it cannot be."""

import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.paths import REPOSITORY
from harness.lab import qemu_user, tpm

# In a process of its own, whose embed root goes away with it.
_USE = """
import socket, sys
from pathlib import Path
from harness.lab import libvirt_embed, tpm

with tpm.running(Path(sys.argv[1])) as path:
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(path))
        print(path.is_relative_to(libvirt_embed.root()), path.stat().st_uid)
        (path.parent / "tpm2-00.permall").write_bytes(b"changed")
        (path.parent / "elsewhere").symlink_to("/etc/passwd")
"""
_LIMIT = 120  # s


def use(state: Path, path: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", _USE, str(state)],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )


def test_a_tpm_is_made_started_and_ended(tmp_path: Path) -> None:
    tpm.create(tmp_path)
    assert (tmp_path / "tpm2-00.permall").stat().st_size > 0
    user = pwd.getpwnam(qemu_user.NAME).pw_uid if os.geteuid() == 0 else os.geteuid()
    ran = use(tmp_path, os.environ["PATH"])
    assert ran.stdout == f"True {user}\n", ran.stderr
    assert (tmp_path / "tpm2-00.permall").read_bytes() == b"changed"
    assert [path.name for path in tmp_path.iterdir() if path.name == "elsewhere"] == []
    left = [
        entry
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _names(entry, b"swtpm") and _names(entry, b"tpm-1/socket")
        if os.getpgid(int(entry.name)) == os.getpgid(0)
    ]
    assert left == []


def test_a_tpm_that_does_not_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # QEMU's user starts it
        swtpm = Path(folder) / "swtpm"
        swtpm.write_text("#!/bin/sh\necho no such state >&2\nexit 1\n")
        swtpm.chmod(0o755)
        ran = use(tmp_path, f"{folder}:{os.environ['PATH']}")
    assert (
        ran.stderr.splitlines()[-1] == "harness.core.errors.HarnessError: swtpm ended at once: no such state"
    )


def test_a_folder_that_cannot_hold_a_tpm_is_told_in_its_makers_words(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="swtpm_setup cannot make a TPM:\n"):
        tpm.create(tmp_path / "none")


def test_missing_programs_are_told_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match="apt-get install swtpm-tools"):
        tpm.create(tmp_path)


def _names(entry: Path, text: bytes) -> bool:
    try:
        return text in (entry / "cmdline").read_bytes()
    except OSError:
        return False
