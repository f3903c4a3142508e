# SPDX-License-Identifier: Apache-2.0
"""Is the scenario that a test makes today the one that was stored?"""

from collections.abc import Iterator
from difflib import unified_diff

from harness.core.abi import abi
from harness.replay.compared import without_ports
from harness.scenario import decode


def differences(stored: bytes, made: bytes) -> Iterator[str]:
    """Lines of a diff; none when they differ in their ids and ports only, which are new in every run.

    Raises UsageError when one of them is damaged.
    """
    if _essence(stored) == _essence(made):
        return
    told = list(unified_diff(_words(stored), _words(made), n=0, lineterm=""))[2:]
    yield from [line for line in told if not line.startswith("@@")] or ["(in data or limits only)"]


def _essence(data: bytes) -> tuple[bytes, ...]:
    decode(data)  # checks its layout
    header = abi.wsktest_scenario(data[: abi.wsktest_scenario.size])
    steps = abi.wsktest_step[header.step_count](data[header.steps_offset : header.data_offset])
    area = data[header.data_offset :]
    header.id = 0
    for step in steps:
        step.local.port = step.remote.port = 0
    return header.dumps(), *(step.dumps() for step in steps), area


def _words(data: bytes) -> list[str]:
    return [without_ports(operation.describe()) for operation in decode(data).operations]
