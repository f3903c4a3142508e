# SPDX-License-Identifier: Apache-2.0
"""A file comes off the disk of a guest that has ended: a real NTFS behind an overlay, which others made."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.crash import guest_disk
from harness.crash.guest_disk import copy_file

SECTOR = 512
FIRST, SECTORS = 4096, (32 << 20) // SECTOR  # of the partition
WINDOWS = 3  # its number
DUMP = b"PAGEDU64" + os.urandom((5 << 20) + 77)


def run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest's private disk: an overlay, on a disk whose third partition is NTFS and holds a dump."""
    folder = tmp_path_factory.mktemp("disk")
    partition, raw = folder / "partition", folder / "raw"
    with partition.open("wb") as file:
        file.truncate(SECTORS * SECTOR)
    run("mkntfs", "-F", "-Q", "-p", FIRST, "-H", 16, "-S", 63, "-s", SECTOR, partition)
    (folder / "dump").write_bytes(DUMP)
    run("ntfscp", partition, folder / "dump", "MEMORY.DMP")
    with raw.open("wb") as file:
        file.truncate((FIRST + SECTORS + 4096) * SECTOR)
        file.seek(SECTOR)
        file.write(b"EFI PART".ljust(72, b"\0") + struct.pack("<QII", 2, 128, 128))
        file.seek(2 * SECTOR + (WINDOWS - 1) * 128)
        file.write(bytes(32) + struct.pack("<QQ", FIRST, FIRST + SECTORS - 1))
        file.seek(FIRST * SECTOR)
        file.write(partition.read_bytes())
    run("qemu-img", "convert", "-O", "qcow2", raw, folder / "base.qcow2")
    overlay = folder / "overlay.qcow2"
    run("qemu-img", "create", "-f", "qcow2", "-F", "qcow2", "-b", folder / "base.qcow2", overlay)
    return overlay


def test_a_file_is_copied_whole_and_the_disk_is_not_touched(disk: Path, tmp_path: Path) -> None:
    before = disk.read_bytes()
    target = tmp_path / "dumps" / "own.dmp"
    copy_file(disk, WINDOWS, "/MEMORY.DMP", target)
    assert target.read_bytes() == DUMP
    assert target.stat().st_mode & 0o077 == 0
    assert disk.read_bytes() == before


@pytest.mark.parametrize(
    ("partition", "path", "why"),
    [
        (WINDOWS, "/Windows/MEMORY.DMP", "there is no /Windows/MEMORY.DMP on the guest's disk"),
        (1, "/MEMORY.DMP", "cannot be read off the guest's disk"),
        (129, "/MEMORY.DMP", "no partition 129"),
        (0, "/MEMORY.DMP", "no partition 0"),
    ],
)
def test_what_is_not_there_is_told_and_leaves_nothing(
    partition: int, path: str, why: str, disk: Path, tmp_path: Path
) -> None:
    with pytest.raises(HarnessError, match=why):
        copy_file(disk, partition, path, tmp_path / "own.dmp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"no qcow2" * 1000])
def test_what_is_no_disk_is_told_in_qemus_words(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HarnessError, match="qemu-nbd does not offer the guest's disk: "):
        copy_file(path, WINDOWS, "/MEMORY.DMP", tmp_path / "own.dmp")
    assert not (tmp_path / "own.dmp").exists()


def test_a_qemu_nbd_that_listens_and_then_ends_is_told_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real one does so when it is quick to listen and slow to look at the disk."""
    (tmp_path / "qemu-nbd").write_text(
        f"#!{sys.executable}\n"
        "import socket, sys\n"
        "listener = socket.socket(socket.AF_UNIX)\n"
        "listener.bind(next(word.partition('=')[2] for word in sys.argv if word.startswith('--socket=')))\n"
        "listener.listen()\n"
        "listener.accept()[0].close()\n"
        "sys.exit('it is no disk')\n"
    )
    (tmp_path / "qemu-nbd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(HarnessError, match="qemu-nbd does not offer the guest's disk: it is no disk"):
        copy_file(tmp_path / "disk", 1, "/x", tmp_path / "x")


def test_a_disk_without_partitions_is_told(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    run("qemu-img", "create", "-f", "qcow2", path, "1M")
    with pytest.raises(HarnessError, match="no partition table"):
        copy_file(path, WINDOWS, "/MEMORY.DMP", tmp_path / "own.dmp")


def test_room_is_left_to_everybody_else(disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_disk, "_RESERVE_BYTES", 1 << 60)
    with pytest.raises(HarnessError, match="it has 5 MiB, and"):
        copy_file(disk, WINDOWS, "/MEMORY.DMP", tmp_path / "own.dmp")
    assert list(tmp_path.iterdir()) == []


def test_one_that_takes_too_long_is_given_up(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_disk, "_COPY_LIMIT_S", 0.0)
    with pytest.raises(HarnessError, match="more than 0 s"):
        copy_file(disk, WINDOWS, "/MEMORY.DMP", tmp_path / "own.dmp")
    assert list(tmp_path.iterdir()) == []
