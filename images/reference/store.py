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
_IN_USE_S = 6 * 3600.0  # a run starts guests from one image for hours, maybe, and no lock says so


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


def intact(store: Path, name: str) -> Path | None:
    """The folder `name` of `store`, which counts as used now; None when it is missing or broken."""
    folder = store / name
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        if manifest != _digests(folder):
            return None
        os.utime(folder)
    except (OSError, ValueError):
        return None
    return folder


def stored(store: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of `store`; `make` fills it when it is missing or broken. Call it under `locked`."""
    if found := intact(store, name):
        return found
    folder = store / name
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
    """Delete what killed builds left, and all but the `keep` folders used last and any of the last hours."""
    used = sorted(((folder.stat().st_mtime, folder) for folder in store.glob(pattern)), reverse=True)
    long_unused = [folder for when, folder in used[keep:] if time.time() - when > _IN_USE_S]
    for folder in [*long_unused, *store.glob(".building-*")]:
        shutil.rmtree(folder, ignore_errors=True)


def _digests(folder: Path) -> dict[str, str]:
    """Path inside the folder -> SHA-256, of every file but the manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)
    return {str(path.relative_to(folder)): digest(path) for path in files}


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
