# SPDX-License-Identifier: Apache-2.0
"""A booted machine, kept in a file: others of the same description go on from there instead of booting.

The file is the SHA-256 of what follows it, then what QEMU sends of a machine
that it migrates: memory and devices. It is read back only by the QEMU that
wrote it, into a machine that differs in nothing but its name and its log.
"""

import contextlib
import hashlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, tostring

import libvirt

from harness.core import cache
from harness.core.clock_rate import ClockRate
from harness.core.errors import HarnessError
from harness.lab import monitor, qemu_user
from harness.lab.domain import add_arguments

_DIGEST_BYTES = hashlib.sha256().digest_size
_CHUNK_BYTES = 1 << 20
_LIMIT_S = 30.0
_POLL_S = 0.01
# A guest has learnt how fast the host's processor counts: it is not to wake up on another.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_KEPT = 4  # of some 80 MB each
_LEFT_S = 600  # nobody writes for so long, or has yet to start from what it has just kept


class NotKept(HarnessError):
    """There is no room for a booted machine, or it cannot be frozen: each start has to boot."""


def place(description: Element, made_of: Iterable[Path]) -> Path:
    """Where such a machine is kept, until this host is started again.

    `made_of` are the files, beside the description, that it depends on.
    """
    key = hashlib.sha256(tostring(description) + str(libvirt.getVersion()).encode())
    key.update(_BOOT_ID.read_bytes())
    for path in made_of:
        stat = path.stat()
        key.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return cache.folder("frozen") / key.hexdigest()[:16]


def is_intact(path: Path) -> bool:
    """Is a machine kept there, and as it was written?"""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        os.utime(path)
        return file.read(_DIGEST_BYTES) == hashlib.file_digest(file, "sha256").digest()
    return False


def freeze(domain: "libvirt.virDomain", path: Path, door: Path) -> None:
    """Keep the running machine, which stops at that; `door` is a free path for a Unix socket.

    Raises NotKept when QEMU cannot be frozen, or the file cannot be written.
    """
    try:
        with _scratch(path.parent) as scratch:
            with scratch.open("wb") as file:
                _store(domain, file, door)
            scratch.replace(path)
        prune(path.parent)
    except (OSError, libvirt.libvirtError, HarnessError) as error:
        raise NotKept(f"the booted guest cannot be kept in {path.parent}: {error}") from error


def drop(path: Path) -> None:
    """Keep it no longer; the next start boots."""
    path.unlink(missing_ok=True)
    _rate_file(path).unlink(missing_ok=True)


def clock_rate(path: Path) -> ClockRate | None:
    """The rate that `keep_clock_rate` wrote; None when it is missing, or of an earlier snapshot."""
    try:
        told = json.loads(_rate_file(path).read_bytes())
        known = ClockRate(float(told["rate"]), int(told["error_ppm"]))
        return known if told["of"] == _digest(path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_clock_rate(path: Path, clock: ClockRate) -> None:
    """Write beside the machine how fast its clock runs; what cannot be written is measured again."""
    with contextlib.suppress(OSError):
        _rate_file(path).write_text(json.dumps({**asdict(clock), "of": _digest(path)}))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_DIGEST_BYTES).hex()


def _rate_file(path: Path) -> Path:
    return path.with_name(f".rate-{path.name}")


def awaiting(description: Element, door: Path) -> Element:
    """The same machine, waiting at `door` for what it is to go on from."""
    add_arguments(description, "-incoming", f"unix:{door}")
    return description


def thaw(path: Path, door: Path) -> None:
    """Send the kept machine in `path` to the QEMU that waits at `door`. Raises OSError when it refuses it."""
    with socket.socket(socket.AF_UNIX) as way, path.open("rb") as file:
        way.settimeout(_LIMIT_S)
        way.connect(str(door))
        way.sendfile(file, _DIGEST_BYTES)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A file that is gone afterwards, unless it was given its name."""
    handle, name = tempfile.mkstemp(prefix=".freezing-", dir=folder)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _store(domain: "libvirt.virDomain", file: BinaryIO, door: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(door))
        qemu_user.lend(door)
        listener.listen(1)
        listener.settimeout(_LIMIT_S)
        # libvirt's own saving would tie the file to the machine's name.
        monitor.command(domain, "migrate", uri=f"unix:{door}")
        way, _ = listener.accept()
        door.unlink()
    digest = hashlib.sha256()
    file.write(digest.digest())
    with way:
        way.settimeout(_LIMIT_S)
        while chunk := way.recv(_CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
    _expect_completion(domain)
    file.seek(0)
    file.write(digest.digest())


def _expect_completion(domain: "libvirt.virDomain") -> None:
    give_up = time.monotonic() + _LIMIT_S
    while (status := monitor.command(domain, "query-migrate").get("status")) != "completed":
        if status == "failed" or time.monotonic() > give_up:
            raise HarnessError(f"QEMU does not freeze the booted guest (its migration is {status})")
        time.sleep(_POLL_S)


def prune(folder: Path) -> None:
    """Delete what nobody uses now: all but the few used last, and what killed runs left half written."""
    kept = sorted(folder.glob("[0-9a-f]*"), key=_last_use, reverse=True)
    for path in [*kept[_KEPT:], *folder.glob(".freezing-*")]:
        if time.time() - _last_use(path) < _LEFT_S:
            continue
        path.unlink(missing_ok=True)
        _rate_file(path).unlink(missing_ok=True)


def _last_use(path: Path) -> float:
    """The last use, as time.time(); 0 of one that another run has just deleted."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0
