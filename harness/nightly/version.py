# SPDX-License-Identifier: Apache-2.0
"""The version that decides a host's verdicts: a digest of its sources. A farm has the same everywhere."""

import hashlib
from functools import cache

from harness import __version__
from harness.core.paths import DRIVER, IMAGES, PACKAGE, SUITES

_FOLDERS = (PACKAGE, SUITES, DRIVER, IMAGES)
_NOT_SOURCES = {"__pycache__", "baselines"}  # baselines go with each cell


@cache
def version() -> str:
    """The version's number and 12 digits of a SHA-256 over all sources."""
    made_of = hashlib.sha256()
    for folder in _FOLDERS:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not _NOT_SOURCES & set(path.parts):
                made_of.update(f"{path.relative_to(folder.parent)} ".encode())
                made_of.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{__version__}-{made_of.hexdigest()[:12]}"
