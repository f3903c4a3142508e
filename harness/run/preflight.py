# SPDX-License-Identifier: Apache-2.0
"""Checks that a run can finish here, before anything is built or booted, which takes minutes."""

import os
import resource
import unicodedata
from pathlib import Path

from harness.core import cache
from harness.core.errors import HarnessError, UsageError
from harness.core.files import exists, free_bytes, is_folder, short, unnameable
from harness.lab import namespace
from harness.report.files import RESERVED_BYTES
from harness.run.options import Settings

LEAST_ROOM_BYTES = 2 * RESERVED_BYTES
_FILES = 128  # open at once, besides those of the scenarios
_FILES_A_SCENARIO = 8
_NO_XML = ("Cc", "Cs")  # control characters, and what stands for bytes that are no UTF-8


def check(settings: Settings) -> None:
    """Raises UsageError for folders that cannot be used, HarnessError for what this machine lacks."""
    _check_results(settings.results)
    _check_baselines(settings)
    cache.folder("libvirt")
    _allow_files(_FILES + settings.at_once * _FILES_A_SCENARIO)
    namespace.check()


def _check_results(results: Path) -> None:
    if why := unnameable(results.absolute()) or _untellable(results.absolute()):
        raise UsageError(f"cannot keep results in {short(results)}: {why}")
    place = _nearest(results)
    if not is_folder(place):
        raise UsageError(f"cannot keep results in {short(results)}: {short(place)} is not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(f"cannot keep results in {short(results)}: {short(place)} is not yours to write in")
    free = free_bytes(place)
    if free is not None and free < LEAST_ROOM_BYTES:
        raise HarnessError(
            f"no space left for results in {short(results)}: a run needs {LEAST_ROOM_BYTES >> 20} MiB "
            f"at least, and there are {free >> 20}; free some, or choose another folder with --results"
        )


def _untellable(path: Path) -> str:
    """Why libvirt, which takes XML, cannot be told this name: the machine's logs are in that folder."""
    told = all(unicodedata.category(letter) not in _NO_XML for letter in str(path))
    return "" if told else "its name has letters that no text can have"


def _check_baselines(settings: Settings) -> None:
    """New observations may stay unsaved; accepted changes must be saved."""
    folder = settings.baselines
    if why := unnameable(folder):
        raise UsageError(f"cannot use the baselines in {short(folder)}: {why}")
    if exists(folder) and not is_folder(folder):
        raise UsageError(f"cannot use the baselines in {short(folder)}: it is not a folder")
    if is_folder(folder) and not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"cannot use the baselines in {short(folder)}: they are not yours to read")
    if settings.accept_changes and not os.access(_nearest(folder), os.W_OK):
        raise UsageError(f"cannot accept changes into {short(folder)}: it is not yours to write in")


def _allow_files(needed: int) -> None:
    """Raise the limit of open files to the number that a run may need, as far as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard) or needed <= soft:
        return
    if needed > hard:
        raise HarnessError(
            f"too few files may be open at once: {hard}, and this run needs {needed}; "
            f"raise the limit (`ulimit -n {needed}`), or run fewer scenarios side by side (--at-once)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _nearest(path: Path) -> Path:
    """It, or the nearest parent that exists."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100  Path.resolve raises for loops of links
    return next((place for place in (whole, *whole.parents) if os.path.lexists(place)), whole)
