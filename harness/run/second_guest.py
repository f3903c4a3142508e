# SPDX-License-Identifier: Apache-2.0
"""Is a second guest worth its start, for the cases that want one to themselves?"""

import os
from pathlib import Path

from harness.guest.base import Guest
from harness.run.options import Settings

WORTH_IT = 8  # such cases: they take 0.4 s each, and a second guest 2 s to be there
_ROOM_LEFT_MIB = 1024  # of memory, beside the guest's own
_MEMORY = Path("/proc/meminfo")


def is_wanted(settings: Settings, guest: Guest, by_themselves: int) -> bool:
    """Where `by_themselves` cases would else keep all others waiting.

    Not where times are measured: a second guest would take a share of the host. Nor beside other labs, which
    overlap as it is.
    """
    if settings.timing or settings.lab or by_themselves < WORTH_IT or not guest.is_light:
        return False
    return len(os.sched_getaffinity(0)) > 1 and _available_mib() > guest.memory_mib + _ROOM_LEFT_MIB


def _available_mib() -> int:
    """Memory that can be had without swapping, as proc(5) has it."""
    told = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
    return int(told["MemAvailable"].split()[0]) >> 10
