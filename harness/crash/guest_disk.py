# SPDX-License-Identifier: Apache-2.0
"""Reads a file off the disk of a guest that has ended, without root and without a mount.

qemu-nbd understands the disk with all that lies under it and offers it at a
socket, where it speaks the simple part of the NBD protocol ("proto.md" of
https://github.com/NetworkBlockDevice/nbd). The partition table is that of the
UEFI specification, section 5.3; NTFS is libfsntfs's business.
"""

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import HarnessError

_START_LIMIT_S = 20.0
_ANSWER_LIMIT_S = 60.0
_COPY_LIMIT_S = 300.0
_RESERVE_BYTES = 1 << 30  # of our disk, which is left to everybody else
_POLL_S = 0.02
_COPY_BYTES = 4 << 20
_BLOCK_BYTES = 1 << 20  # read at once: libfsntfs asks for a cluster at a time
_SECTOR_BYTES = 512

_GREETING, _OPTIONS = b"NBDMAGIC", b"IHAVEOPT"
_NO_ZEROES = 2  # a flag of the handshake: 124 bytes less to read
_EXPORT_NAME = 1
_REQUEST, _REPLY = 0x25609513, 0x67446698
_READ = 0

_GPT = b"EFI PART"


def copy_file(disk: Path, partition: int, path: str, target: Path) -> None:
    """Copy a file of an NTFS partition of a qcow2 disk to `target`, which only its owner may read.

    Blocks; call it in a thread. Raises HarnessError, and leaves no file, when it cannot be had.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    try:
        with _offered(disk) as reader, target.open("wb") as file:
            import pyfsntfs  # only who reads a disk pays for it

            volume = pyfsntfs.volume()
            volume.open_file_object(reader.partition(partition))
            entry = volume.get_file_entry_by_path(path.replace("/", "\\"))
            if entry is None:
                raise HarnessError(f"there is no {path} on the guest's disk")
            _require_room(target, entry.get_size())
            give_up = time.monotonic() + _COPY_LIMIT_S
            while chunk := entry.read(_COPY_BYTES):
                file.write(chunk)
                if time.monotonic() > give_up:
                    raise HarnessError(f"{path} takes more than {_COPY_LIMIT_S:g} s to copy")
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError | struct.error):
            raise HarnessError(f"{path} cannot be read off the guest's disk: {error}") from error
        raise


def _require_room(target: Path, size: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < size + _RESERVE_BYTES:
        raise HarnessError(f"it has {size >> 20} MiB, and {free >> 20} MiB are free in {target.parent}")


class _Extent:
    """A part of a disk, as a file that can be read and sought in."""

    def __init__(self, disk: "_Disk", start: int, size: int) -> None:
        self._disk = disk
        self._start = start
        self._size = size
        self._at = 0
        self._block_at, self._block = -1, b""

    def read(self, size: int) -> bytes:
        data = b""
        size = min(size, self._size - self._at)
        while len(data) < size:
            at, inside = divmod(self._at, _BLOCK_BYTES)
            if at != self._block_at:
                length = min(_BLOCK_BYTES, self._size - at * _BLOCK_BYTES)
                self._block_at, self._block = at, self._disk.read(self._start + at * _BLOCK_BYTES, length)
            part = self._block[inside : inside + size - len(data)]
            data, self._at = data + part, self._at + len(part)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]

    def tell(self) -> int:
        return self._at

    def get_size(self) -> int:
        return self._size


class _Disk:
    """The client's side of an NBD connection."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        greeting, options, flags = struct.unpack(">8s8sH", self._receive(18))
        if (greeting, options) != (_GREETING, _OPTIONS):
            raise HarnessError("what offers the guest's disk is no qemu-nbd")
        end.sendall(struct.pack(">I", flags & (_NO_ZEROES | 1)))
        end.sendall(_OPTIONS + struct.pack(">II", _EXPORT_NAME, 0))
        self._receive(10 if flags & _NO_ZEROES else 134)  # size and flags

    def read(self, offset: int, size: int) -> bytes:
        self._end.sendall(struct.pack(">IHHQQI", _REQUEST, 0, _READ, offset, offset, size))
        magic, error, _ = struct.unpack(">IIQ", self._receive(16))
        if magic != _REPLY or error:
            raise HarnessError(f"the guest's disk cannot be read at {offset}: {os.strerror(error)}")
        return self._receive(size)

    def partition(self, number: int) -> _Extent:
        """A partition by its number, from 1."""
        header = self.read(_SECTOR_BYTES, _SECTOR_BYTES)
        if header[: len(_GPT)] != _GPT:
            raise HarnessError("the guest's disk has no partition table of UEFI's kind")
        table, count, size = struct.unpack_from("<QII", header, 72)
        if not 0 < number <= count:
            raise HarnessError(f"the guest's disk has no partition {number}")
        entry = self.read(table * _SECTOR_BYTES + (number - 1) * size, size)
        first, last = struct.unpack_from("<QQ", entry, 32)
        if not first <= last:
            raise HarnessError(f"the guest's disk has no partition {number}")
        return _Extent(self, first * _SECTOR_BYTES, (last - first + 1) * _SECTOR_BYTES)

    def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self._end.recv(size - len(data))
            if not chunk:
                raise HarnessError("qemu-nbd ended in the middle of an answer")
            data += chunk
        return bytes(data)


@contextlib.contextmanager
def _offered(disk: Path) -> Iterator[_Disk]:
    """The disk, offered by a qemu-nbd of its own that can only read it."""
    with tempfile.TemporaryDirectory(prefix="wsk-nbd-") as folder:
        place = Path(folder) / "disk"
        command = ["qemu-nbd", "--read-only", "--format=qcow2", f"--socket={place}", str(disk)]
        try:
            server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            raise HarnessError("qemu-nbd is missing: apt-get install qemu-utils") from None
        try:
            with _connected(server, place) as end:
                yield _greeted(server, end)
        finally:
            server.kill()
            server.communicate()


def _greeted(server: "subprocess.Popen[str]", end: socket.socket) -> _Disk:
    """It listens before it looks at the disk, and may end only then."""
    try:
        return _Disk(end)
    except (OSError, HarnessError):
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(_START_LIMIT_S)
            raise _refusal(server) from None
        raise


def _refusal(server: "subprocess.Popen[str]") -> HarnessError:
    said = (server.stderr.read() if server.stderr else "").strip()
    return HarnessError(f"qemu-nbd does not offer the guest's disk: {said}")


def _connected(server: "subprocess.Popen[str]", place: Path) -> socket.socket:
    give_up = time.monotonic() + _START_LIMIT_S
    while True:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end.settimeout(_ANSWER_LIMIT_S)
        try:
            end.connect(str(place))
        except OSError:
            end.close()
        else:
            return end
        if server.poll() is not None:
            raise _refusal(server)
        if time.monotonic() > give_up:
            raise HarnessError(f"qemu-nbd did not offer the guest's disk within {_START_LIMIT_S:.0f} s")
        time.sleep(_POLL_S)
