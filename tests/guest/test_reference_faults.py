# SPDX-License-Identifier: Apache-2.0
"""Faults that the processor finds in a driver stop the reference guest with Windows' code for each."""

from pathlib import Path

import pytest
from reference_drivers import Doomed, assert_stopped_with, stop_guests

# Fault (its number in drivers/faulty.c) -> the stop code, and those of its parameters that are fixed.
FAULTS: dict[str, tuple[int, int, dict[int, int]]] = {
    "__fastfail": (1, 0x139, {1: 3}),
    "a breakpoint": (2, 0x7E, {1: 0xFFFFFFFF80000003}),
    "a write to NULL in DriverEntry": (3, 0x7E, {1: 0xFFFFFFFFC0000005}),
    "a write to NULL in a control": (4, 0x3B, {1: 0xC0000005}),
    "a write to NULL at DISPATCH_LEVEL": (5, 0xD1, {1: 8, 2: 2, 3: 1}),
    "a NULL pointer given to the kernel at DISPATCH_LEVEL": (6, 0x0A, {1: 0, 2: 2, 3: 0}),
    "a read where nothing is": (7, 0x50, {1: 0xFFFFA00000000000, 2: 0}),
    "a write to a constant": (8, 0xBE, {}),
    "a call of data": (9, 0xFC, {}),
    "a division by zero": (10, 0x7E, {1: 0xFFFFFFFFC0000094}),
    "a division by zero in a DPC": (11, 0x1E, {1: 0xFFFFFFFFC0000094}),
    "an instruction that is none, in a control": (12, 0x3B, {1: 0xC000001D}),
    "a read of no canonical address": (13, 0x7E, {1: 0xFFFFFFFFC0000005}),
    "a recursion without end": (14, 0x7F, {1: 8}),
    "a loop in a DPC": (15, 0x133, {1: 0}),
    "a loop at DISPATCH_LEVEL": (16, 0x133, {1: 1}),
    "SSE on a misaligned address": (17, 0x7E, {1: 0xFFFFFFFFC0000005}),
}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each guest's serial log; one guest a fault."""
    folder = tmp_path_factory.mktemp("faulty")
    drivers = [Doomed("faulty", "FAULT", number, control="=0x222000") for number, *_ in FAULTS.values()]
    stop_guests(folder, drivers, limit=900)
    return folder


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_guest_with_windows_code(logs: Path, fault: str) -> None:
    number, code, parameters = FAULTS[fault]
    log = (logs / f"faulty{number}.serial").read_text(errors="replace")
    assert_stopped_with(log, code, parameters)
