# SPDX-License-Identifier: Apache-2.0
"""This host as the place where a night's runs are performed, and how many it has room for."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from harness.nightly.attempt import Ended, Runs
from harness.nightly.plan import Plan, RunOrder
from harness.nightly.runner import Attending

_MIB = 1 << 20
_CPUS_A_LAB = 2  # the guest's own, and what it leaves over for the harness: scenarios mostly wait


class LocalPlace:
    """Use its `stop` from any thread."""

    def __init__(self, baselines: Mapping[str, bytes]) -> None:
        self._baselines = baselines
        self._runs = Runs()

    def perform(self, order: RunOrder, folder: Path, attending: Attending) -> tuple[Ended, str]:
        return self._runs.perform(order, folder, self._baselines, attending.counts), ""

    def room(self, plans: Sequence[Plan]) -> int:
        """How many runs fit side by side, by CPUs and by the memory that is free now."""
        labs = max(int(plan.settings.get("labs", 1)) for plan in plans)
        memory = max(plan.memory_mib for plan in plans)
        by_cpus = len(os.sched_getaffinity(0)) // (_CPUS_A_LAB * labs)
        by_memory = psutil.virtual_memory().available // _MIB // memory
        return max(1, min(by_cpus, by_memory))

    def stop(self) -> None:
        self._runs.stop()
