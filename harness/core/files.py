# SPDX-License-Identifier: Apache-2.0
"""Files that somebody named or left: read without waiting, without end and without surprise.

Whatever is wrong with one is a UsageError, in one line that names it.
"""

import contextlib
import errno
import json
import os
import select
import stat
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

from harness.core.errors import UsageError

MOST_BYTES = 1 << 28  # of a file that is read whole
_PATIENCE_S = 5.0  # for the first byte out of a FIFO
_BUFFER_BYTES = 1 << 20
_KINDS = {
    stat.S_IFDIR: os.strerror(errno.EISDIR),
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
    stat.S_IFSOCK: "it is a socket",
}


class FileMissing(UsageError):
    """There is no such file."""


def open_input(path: Path, what: str = "") -> BinaryIO:
    """A file or a pipe that somebody writes into, to read; `what` it is goes before its name in errors.

    Raises FileMissing, or UsageError for what can only be waited for, or never ends.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError as error:
        raise FileMissing(unreadable(path, error, what)) from None
    except (OSError, ValueError) as error:
        raise UsageError(unreadable(path, error, what)) from None
    try:
        kind = stat.S_IFMT(os.fstat(handle).st_mode)
        if kind in _KINDS:
            raise UsageError(unreadable(path, _KINDS[kind], what))
        if kind == stat.S_IFIFO and not select.select([handle], [], [], _PATIENCE_S)[0]:
            raise UsageError(unreadable(path, "nobody writes into this pipe", what))
        os.set_blocking(handle, True)
        return os.fdopen(handle, "rb", buffering=_BUFFER_BYTES)
    except BaseException:
        os.close(handle)
        raise


def read_bytes(path: Path, what: str = "", *, most: int = MOST_BYTES) -> bytes:
    """All of it. Raises FileMissing, or UsageError when it cannot be read or has more than `most` bytes."""
    with open_input(path, what) as file:
        try:
            data = file.read(most + 1)
        except (OSError, MemoryError) as error:
            raise UsageError(unreadable(path, error, what)) from None
    if len(data) > most:
        raise UsageError(unreadable(path, f"it has more than {most >> 20} MiB", what))
    return data


def read_json(path: Path, what: str = "") -> Any:
    """Raises FileMissing or UsageError."""
    return as_json(read_bytes(path, what), path)


def as_json(data: bytes, path: Path) -> Any:
    """Decodes JSON that was read from `path`. Raises UsageError."""
    try:
        return json.loads(data)
    except RecursionError:
        raise UsageError(f"{short(path)} is damaged: its JSON is nested too deeply") from None
    except ValueError:
        raise UsageError(f"{short(path)} is damaged: it is not whole JSON") from None


def read_toml(path: Path, what: str = "") -> dict[str, Any]:
    """Raises FileMissing or UsageError."""
    return as_toml(read_bytes(path, what), path, what)


def as_toml(data: bytes, path: Path, what: str = "") -> dict[str, Any]:
    """Decodes TOML that was read from `path`. Raises UsageError."""
    named = f"{what} {short(path)}".strip()
    try:
        return tomllib.loads(data.decode())
    except RecursionError:
        raise UsageError(f"{named} is not TOML that can be read: it is nested too deeply") from None
    except ValueError as error:  # of TOML's grammar, or of UTF-8
        raise UsageError(f"{named} is not TOML: {error}") from None


def unreadable(path: Path, why: object, what: str = "") -> str:
    """The line for a file that cannot be read."""
    return f"cannot read {f'{what} {short(path)}'.strip()}: {reason(why)}"


def reason(error: object) -> str:
    """Why the system refused something, in its words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def short(name: object, most: int = 200) -> str:
    """A name as it goes into a line: the middle of a very long one is left out."""
    text = str(name)
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"


def is_folder(path: Path) -> bool:
    """Whether it is a folder; False when it cannot be looked at."""
    return os.path.isdir(path)  # noqa: PTH112  Path.is_dir raises for what it may not look at


def is_file(path: Path) -> bool:
    """Whether it is a file; False when it cannot be looked at."""
    return os.path.isfile(path)  # noqa: PTH113  Path.is_file raises for what it may not look at


def exists(path: Path) -> bool:
    """Whether it exists; False when it cannot be looked at."""
    return os.path.exists(path)  # noqa: PTH110  Path.exists raises for what it may not look at


def is_below(path: Path, folder: Path) -> bool:
    """Whether it lies in the folder, with links followed; False when it is not a valid file name."""
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    except (OSError, ValueError):
        return False


def check_output(path: Path) -> None:
    """Checks that a file can be written there later. Raises UsageError when it cannot.

    Called before the work whose result it takes: what fails afterwards costs the work.
    """
    if why := _unwritable(path):
        raise UsageError(f"cannot write {short(path)}: {why}")


def _unwritable(path: Path) -> str:
    if why := unnameable(path):
        return why
    if path.is_symlink() and not exists(path):
        return _leads_nowhere(path)
    if is_folder(path):
        return os.strerror(errno.EISDIR)
    if not is_folder(path.parent):
        return f"there is no folder {short(path.parent)}"
    if exists(path) and not _takes_output(path):
        return "it is not a file"
    writable = os.access(path if exists(path) else path.parent, os.W_OK)
    return "" if writable else os.strerror(errno.EACCES)


def _leads_nowhere(link: Path) -> str:
    """Why what the link leads to, and is not there, cannot be written; empty when it can."""
    try:
        link.stat()
    except FileNotFoundError:
        return _unwritable(Path(os.path.realpath(link)))
    except OSError as error:  # a loop, or what may not be looked at
        return reason(error)
    return ""


def unnameable(path: Path) -> str:
    """Why no file can have this name, as one that is too long; empty when one can."""
    try:
        path.lstat()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return reason(error)
    return ""


def _takes_output(path: Path) -> bool:
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISCHR(mode):
        return True  # one may want nothing, and name /dev/null
    # A pipe that we were started with, as /dev/stdout may be, has its reader; a FIFO may wait for one.
    return stat.S_ISFIFO(mode) and os.path.basename(os.path.realpath(path)).startswith("pipe:")  # noqa: PTH119


def write_output(path: Path, text: str) -> None:
    """A file that the user named. UsageError when it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {short(path)}: {reason(error)}") from None


def free_bytes(folder: Path) -> int | None:
    """Room in the file system of `folder`, or of its nearest parent that exists; None when unknown."""
    for place in (folder, *folder.resolve().parents):
        with contextlib.suppress(OSError):
            room = os.statvfs(place)
            return room.f_bavail * room.f_frsize
    return None
