# SPDX-License-Identifier: Apache-2.0
"""A guest's own dump is fetched off its disk by libguestfs's guestfish, which a script plays here."""

import os
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.crash import own_dump
from harness.guest.base import OwnDump

_PROGRAM = """#!/bin/sh
echo "$LIBGUESTFS_BACKEND $*" > {folder}/asked
for target; do :; done
{then}
"""


def plays_guestfish(folder: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    program = folder / "guestfish"
    program.write_text(_PROGRAM.format(folder=folder, then=then))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def fetch(folder: Path) -> Path:
    target = folder / "dumps" / "memory-1-own.dmp"
    own_dump.fetch(OwnDump(folder / "disk.qcow2", 3, "/Windows/MEMORY.DMP"), target)
    return target


def test_the_dump_is_taken_off_the_disk_without_writing_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays_guestfish(tmp_path, monkeypatch, 'echo dump > "$target"')
    target = fetch(tmp_path)
    assert target.read_text() == "dump\n"
    assert target.stat().st_mode & 0o077 == 0
    assert (tmp_path / "asked").read_text() == (
        f"direct --ro --format=qcow2 -a {tmp_path}/disk.qcow2 run : mount-ro /dev/sda3 / : "
        f"download /Windows/MEMORY.DMP {target}\n"
    )


def test_what_it_says_is_told_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays_guestfish(
        tmp_path, monkeypatch, 'echo half > "$target"; echo "warm up" >&2; echo "no such file" >&2; exit 1'
    )
    with pytest.raises(HarnessError, match="guestfish cannot fetch it: no such file"):
        fetch(tmp_path)
    assert list((tmp_path / "dumps").iterdir()) == []


def test_one_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays_guestfish(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(own_dump, "READ_LIMIT_S", 0.5)
    with pytest.raises(HarnessError, match="timed out"):
        fetch(tmp_path)
    assert list((tmp_path / "dumps").iterdir()) == []


def test_without_it_it_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match="apt-get install libguestfs-tools"):
        fetch(tmp_path)
