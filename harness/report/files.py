# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent, and names that are safe."""

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

_LONGEST_NAME = 100


def write_atomically(path: Path, data: bytes) -> None:
    """Readers see the old file or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


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
