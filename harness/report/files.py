# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent, and names that are safe."""

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import IO

from harness.core.errors import HarnessError, UsageError
from harness.core.files import is_below, is_folder, reason, short
from harness.core.unexpected import is_out_of_space

_LONGEST_NAME = 100
RESERVED_BYTES = 4 << 20  # two records of a thousand cases, or a report of some hundred
_FOR_GOOD = (errno.EROFS, errno.EIO)


class CannotKeep(HarnessError):
    """Nothing more can be written into the folder of a run, which is over with that."""

    def __init__(self, folder: Path, error: OSError) -> None:
        self.out_of_space = is_out_of_space(error)
        if self.out_of_space:
            why = f"no space left for the results in {folder}: free some and run again"
        elif not is_folder(folder):
            why = f"the results in {folder} were deleted while the run went on"
        else:
            why = f"nothing more can be written into {folder}: {reason(error)}"
        super().__init__(why)


def is_for_good(error: OSError, folder: Path) -> bool:
    """Would everything else that is written there fail too?"""
    return is_out_of_space(error) or error.errno in _FOR_GOOD or not is_folder(folder)


class Reserve:
    """Room that is kept for what a run writes at its end, so that a full disk does not cost its report.

    It has no name in the folder: a run that is killed leaves none of it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None

    def take(self) -> None:
        """Raises CannotKeep when there is no such room."""
        try:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  held until the end
            os.posix_fallocate(self._file.fileno(), 0, RESERVED_BYTES)
        except OSError as error:
            self.release()
            raise CannotKeep(self._folder, error) from error

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Readers see the old file or the new one, never a part."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        error.filename = str(path)  # the name that whoever is told of it knows
        raise
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def inside(folder: Path, name: str) -> Path:
    """A file that a record names; UsageError when it lies outside of the run."""
    path = folder / name
    if not is_below(path, folder):
        raise UsageError(f"the run in {folder} is damaged: {short(name)} lies outside of it")
    return path


def link_atomically(link: Path, target: str) -> None:
    """A symbolic link that points to the old target or the new one, and is never missing."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def file_name(case: str) -> str:
    """A name for the files of a case: readable, safe in paths and URLs, and its own."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", case.rpartition("::")[2]).strip("_.")
    digest = hashlib.sha256(case.encode()).hexdigest()[:8]
    return f"{readable[:_LONGEST_NAME]}-{digest}"
