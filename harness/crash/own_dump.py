# SPDX-License-Identifier: Apache-2.0
"""The dump that a stopped guest writes of itself: when it is done, and how it gets off the guest's disk."""

import asyncio
import time
from pathlib import Path

from harness.core.errors import HarnessError
from harness.crash.guest_disk import copy_file
from harness.guest.base import OwnDump, Progress
from harness.lab import examine
from harness.lab.machine import Machine

WRITE_LIMIT_S = 300.0
QUIET_S = 20.0  # without a write: a kernel that stops writes one after the other
_TOLD_EVERY_S = 2.0
_LEAST_BYTES = 1 << 20  # of a dump; a stopped kernel may write less than that for other reasons


async def written(machine: Machine, progress: Progress) -> str:
    """Wait until the guest has written its dump, and say in words how the wait ended.

    A guest that is not to restart gives no sign of the end, but that its disk is quiet.
    """
    began = changed = time.monotonic()
    first = now = await asyncio.to_thread(_written_bytes, machine)
    while not machine.over:
        seconds = time.monotonic() - began
        if time.monotonic() - changed >= QUIET_S:
            return _told(now - first, f"and nothing more within {QUIET_S:g} s")
        if seconds >= WRITE_LIMIT_S:
            return f"was not complete after {WRITE_LIMIT_S:g} s: it was still being written"
        progress(f"the guest writes its dump: {(now - first) >> 20} MiB, {seconds:.0f} s")
        await asyncio.sleep(_TOLD_EVERY_S)
        last, now = now, max(now, await asyncio.to_thread(_written_bytes, machine))
        changed = time.monotonic() if now > last else changed
    if machine.starved:
        return "was cut off: the host could not write the guest's disk any more"
    return _told(now - first, "and then the guest ended or restarted")


def _told(size: int, end: str) -> str:
    """It may have begun, or even be done, before anybody looked."""
    if size < _LEAST_BYTES:
        return f"was written before anybody looked, or not at all: next to nothing went to its disk, {end}"
    return f"was written: at least {size >> 20} MiB went to its disk, {end}"


def _written_bytes(machine: Machine) -> int:
    try:
        return examine.written_bytes(machine)
    except HarnessError:
        return 0  # it has ended, which its events tell


def fetch(own: OwnDump, target: Path) -> None:
    """Copy the dump off the disk of a guest that has ended. Blocks. Raises HarnessError."""
    copy_file(own.disk, own.partition, own.path, target)
