# SPDX-License-Identifier: Apache-2.0
"""suites/cases.toml says of every test of the suites, and of no other, what it lets through."""

import ast
import tomllib

from harness.core.paths import SUITES

WEAKEST = tomllib.loads((SUITES / "cases.toml").read_text(encoding="utf-8"))


def functions() -> dict[str, list[str]]:
    """The test functions of each file, in the order of the file."""
    found = {}
    for path in sorted(SUITES.glob("*/test_*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        names = [node.name for node in body if isinstance(node, ast.AsyncFunctionDef)]
        found[path.relative_to(SUITES).as_posix()] = [name for name in names if name.startswith("test_")]
    return found


def test_every_test_is_there_and_none_that_does_not_exist() -> None:
    there = {file: sorted(entries) for file, entries in WEAKEST.items()}
    assert there == {file: sorted(names) for file, names in functions().items()}


def test_each_says_something_and_is_a_sentence_of_its_own() -> None:
    for entries in WEAKEST.values():
        for weakest in entries.values():
            assert weakest.strip() == weakest
            assert len(weakest.split()) >= 3
            assert not weakest.endswith(".")


def test_every_test_has_a_sentence() -> None:
    for path in SUITES.glob("*/test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"
