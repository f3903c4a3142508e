# SPDX-License-Identifier: Apache-2.0
"""Keeps files between runs: guest images, booted guests and libvirt's knowledge of QEMU."""

import os
from pathlib import Path

from harness.core.errors import HarnessError


def place(name: str) -> Path:
    """The folder `name` of the user's cache ($XDG_CACHE_HOME, else ~/.cache), there or not.

    A relative one counts as none: https://specifications.freedesktop.org/basedir-spec/latest/.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "wsk-conformance" / name


def folder(name: str) -> Path:
    """The same, created when it is missing.

    Raises HarnessError when it cannot be written, or belongs to somebody else.
    """
    path = place(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(
            f"cannot keep a cache in {path}: {error.strerror}; set XDG_CACHE_HOME to a folder that is yours"
        ) from None
    if path.stat().st_uid != os.geteuid():
        raise HarnessError(
            f"the cache in {path} belongs to somebody else, and what it holds would be run; "
            "set XDG_CACHE_HOME to a folder that is yours"
        )
    return path
