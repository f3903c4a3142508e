# SPDX-License-Identifier: Apache-2.0
"""A test that needs a machine, Wine, a browser or PostgreSQL has the marker that leaves it out."""

import re
from pathlib import Path

import pytest

from harness.core.paths import REPOSITORY

pytest_plugins = ["pytester"]

TESTS = REPOSITORY / "tests"
# How a module shows that it needs something, whatever room it is in.
SHOWS = {
    "vm": r"\bHypervisor\((?!\"test:)|conformance\.(run|start|run_cases)\(|\bstart_lab\(|\bcluster\("
    r"|\bbench\b.*fuzz",
    "wine": r"^from wine import|^import wine\b",
    "browser": r"^from browser import|^import browser\b",
    "postgres": r"^from postgres import|^import postgres\b",
    "network": r"^from namespace import|^import namespace\b",
}
OF_ROOM = {"guest": "vm", "web": "browser", "network": "network"}


def marked(path: Path) -> set[str]:
    """The markers that the module names, and that of its room."""
    room = path.relative_to(TESTS).parts[0]
    said = set(re.findall(r"\bpytest\.mark\.(\w+)", path.read_text()))
    return said | {OF_ROOM[room]} if room in OF_ROOM else said


@pytest.mark.parametrize("need", SHOWS)
def test_what_a_test_needs_is_a_marker_of_it(need: str) -> None:
    pattern = re.compile(SHOWS[need], re.MULTILINE)
    modules = [path for path in sorted(TESTS.rglob("test_*.py")) if path != Path(__file__)]
    needing = [path for path in modules if pattern.search(path.read_text())]
    assert needing, "the pattern finds nothing: it is out of date"
    assert [str(path) for path in needing if need not in marked(path)] == []


def test_the_rooms_mark_their_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(conftest=(TESTS / "conftest.py").read_text())
    pytester.makeini("[pytest]\nmarkers =\n" + "".join(f"    {need}: it\n" for need in SHOWS))
    for room in ("guest", "web", "network", "unit"):
        pytester.mkdir(room).joinpath(f"test_{room}.py").write_text("def test_it(): pass")
    left = pytester.runpytest_inprocess("-m", "not (vm or browser or network)", "--strict-markers")
    left.assert_outcomes(passed=1, deselected=3)
