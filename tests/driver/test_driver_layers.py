# SPDX-License-Identifier: Apache-2.0
"""The files of driver and control program stand in one order: none needs one that, in any way, needs it."""

import re
import subprocess
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from harness.core.paths import BUILT_DRIVER, REPOSITORY

OBJECTS = BUILT_DRIVER / "driver"
NM = "x86_64-w64-mingw32-nm"
SOURCES = REPOSITORY / "guest_driver" / "driver"
CONTROL = REPOSITORY / "guest_driver" / "control"
INCLUDE = re.compile(r'^#include "(\w+)\.h"', re.MULTILINE)
MOST_LINES = 200  # of a header


def symbols(obj: Path) -> tuple[set[str], set[str]]:
    """Names that an object file defines for others, and names that it wants of others."""
    listed = subprocess.run([NM, "-g", obj], capture_output=True, text=True, timeout=30, check=True)
    kinds = [line.split()[-2:] for line in listed.stdout.splitlines()]
    return {name for kind, name in kinds if kind != "U"}, {name for kind, name in kinds if kind == "U"}


@pytest.fixture(scope="module")
def calls() -> dict[str, set[str]]:
    """File -> the files whose functions or data it names."""
    parts = {source.stem: symbols(OBJECTS / f"{source.stem}.o") for source in SOURCES.glob("*.c")}
    owner = {name: stem for stem, (defined, _) in parts.items() for name in defined}
    found: dict[str, set[str]] = defaultdict(set)
    for stem, (_, wanted) in parts.items():
        found[stem] = {owner[name] for name in wanted if name in owner} - {stem}
    return found


def test_no_file_calls_back(calls: dict[str, set[str]]) -> None:
    try:
        order = list(TopologicalSorter(calls).static_order())
    except CycleError as error:
        pytest.fail(f"files call each other in a circle: {' -> '.join(error.args[1])}")
    assert {"main", "run", "perform", "operation"} <= set(order)
    assert order.index("operation") < order.index("perform") < order.index("run") < order.index("main")


def included(folder: Path) -> list[str]:
    """The parts (a source file with its header) in the order of includes; CycleError names a circle."""
    includes: dict[str, set[str]] = defaultdict(set)
    for path in folder.glob("*.[ch]"):
        includes[path.stem] |= set(INCLUDE.findall(path.read_text())) - {path.stem}
    return list(TopologicalSorter(includes).static_order())


def test_no_part_of_the_control_program_includes_back() -> None:
    order = included(CONTROL)
    assert order.index("frame") < order.index("serve") < order.index("wskctl")


def test_no_part_of_the_driver_includes_back() -> None:
    order = included(SOURCES)
    assert order.index("run_state") < order.index("events") < order.index("run") < order.index("main")


def test_the_headers_are_by_topic() -> None:
    headers = {header.name: len(header.read_text().splitlines()) for header in SOURCES.glob("*.h")}
    assert len(headers) > 10
    assert {name: lines for name, lines in headers.items() if lines > MOST_LINES} == {}
