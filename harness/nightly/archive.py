# SPDX-License-Identifier: Apache-2.0
"""Folders as bytes, for another host: packed, and unpacked without trust in who packed them."""

import io
import shutil
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from harness.core.errors import HarnessError

# The largest runs have some 100 MB; an archive is held in memory on both sides.
MOST_BYTES = 2 << 30
MOST_FILES = 100_000


def pack(folder: Path, files: Iterable[Path] | None = None) -> bytes:
    """These files of a folder, or all; links are left behind. Raises HarnessError when they are too large."""
    chosen = sorted(folder.rglob("*")) if files is None else list(files)
    chosen = [path for path in chosen if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in chosen)
    if size > MOST_BYTES or len(chosen) > MOST_FILES:
        raise HarnessError(f"{folder.name} is too large to send: {size >> 20} MiB in {len(chosen)} files")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for path in chosen:
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False)
    return packed.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Into a folder that is not there yet.

    Raises HarnessError, and leaves none, when the archive holds anything but
    plain files below the folder, or more than it may.
    """
    try:
        folder.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            _unpack(tar, folder)
    except HarnessError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise HarnessError(f"an archive for {folder.name} cannot be unpacked: {error}") from None


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    size = 0
    for number, member in enumerate(tar, 1):
        size += max(member.size, 0)
        if size > MOST_BYTES or number > MOST_FILES:
            raise HarnessError(f"an archive for {folder.name} is too large and was not unpacked")
        path = PurePosixPath(member.name)
        content = tar.extractfile(member) if member.isreg() else None
        if content is None or path.is_absolute() or ".." in path.parts:
            raise HarnessError(
                f"an archive for {folder.name} holds more than files of its own: {member.name!r}"
            )
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            shutil.copyfileobj(content, file)
