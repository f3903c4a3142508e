# SPDX-License-Identifier: Apache-2.0
"""Folders that are built once, named for what they are made of, and checked before each use."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.core.errors import HarnessError

_MANIFEST = "manifest.json"
_LOCK_LIMIT_S = 900.0


def progress(line: str) -> None:
    """Say on stderr how the work goes on; stdout is for the result."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(store: Path) -> Iterator[None]:
    """Only one process at a time builds in `store`. Raises HarnessError after 15 minutes of waiting."""
    with (store / "lock").open("w") as lock:
        give_up = time.monotonic() + _LOCK_LIMIT_S
        waiting = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise HarnessError(
                        "another build of the image does not end; end it and try again"
                    ) from None
            if not waiting:
                progress("another process builds the image: waiting for it")
                waiting = True
            time.sleep(0.1)
        yield


def stored(store: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of `store`; `make` fills it when it is missing or broken. Call it under `locked`."""
    folder = store / name
    if _intact(folder):
        os.utime(folder)
        return folder
    if folder.exists():
        progress(f"{name} in the cache is damaged: building it again")
        shutil.rmtree(folder)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=store))
    try:
        make(scratch)
        (scratch / _MANIFEST).write_text(json.dumps(_digests(scratch), indent=1))
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def prune(store: Path, pattern: str, keep: int) -> None:
    """Delete all but the `keep` folders that were used last, and what killed builds left."""
    folders = sorted(store.glob(pattern), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in [*folders[keep:], *store.glob(".building-*")]:
        shutil.rmtree(folder, ignore_errors=True)


def _intact(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        return bool(manifest == _digests(folder))
    except (OSError, ValueError):
        return False


def _digests(folder: Path) -> dict[str, str]:
    """Path inside the folder -> SHA-256, of every file but the manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)
    return {str(path.relative_to(folder)): digest(path) for path in files}


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
