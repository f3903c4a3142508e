# SPDX-License-Identifier: Apache-2.0
"""Memory that may be paged out stops the reference guest at DISPATCH_LEVEL, where it is asked to look."""

import re
from pathlib import Path

import pytest
from reference_drivers import Doomed, assert_stopped_with, stop_guests

# What is touched (its number in drivers/paged.c) -> the stop code, and the parameters that are fixed.
TOUCHED: dict[str, tuple[int, int, dict[int, int]]] = {
    "pool that is written": (1, 0xD1, {2: 2, 3: 1}),
    "pool that is written under a spin lock, after its unlock": (2, 0xD1, {2: 2, 3: 1}),
    "pool that a DPC reads": (3, 0xD1, {2: 2, 3: 0}),
    "pool that is given to a function of the kernel": (4, 0x0A, {2: 2, 3: 0}),
    "an entry of a paged lookaside list": (5, 0xD1, {2: 2, 3: 1}),
    "code that is called": (6, 0xD1, {2: 2, 3: 8}),
    "code that raises itself": (7, 0xD1, {2: 2, 3: 8}),
    "data of a section that may go": (8, 0xD1, {2: 2, 3: 0}),
    "code whose section was unlocked": (9, 0xD1, {2: 2, 3: 8}),
    "a driver that may go as a whole": (10, 0xD1, {2: 2, 3: 8}),
    "pool that is asked for": (11, 0xC2, {1: 0x08, 2: 2, 3: 1}),
    "pool that is freed": (12, 0xC2, {1: 0x09, 2: 2, 3: 1}),
}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each guest's serial log; one guest a touch."""
    folder = tmp_path_factory.mktemp("paged")
    drivers = [Doomed("paged", "TOUCHED", number, paged=True) for number, *_ in TOUCHED.values()]
    stop_guests(folder, drivers, limit=700)
    return folder


@pytest.mark.parametrize("touched", TOUCHED)
def test_pageable_memory_at_dispatch_level_stops_the_guest(logs: Path, touched: str) -> None:
    number, code, parameters = TOUCHED[touched]
    log = (logs / f"paged{number}.serial").read_text(errors="replace")
    assert_stopped_with(log, code, parameters)
    assert re.search(r"ntlab: (at|stack:) paged\+0x\w+", log), "where in the driver it was"
