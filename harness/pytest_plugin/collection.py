# SPDX-License-Identifier: Apache-2.0
"""Every row of the catalogue with the cases that judge it, as pytest collects them."""

import contextlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.core.paths import REPOSITORY, SUITES
from harness.pytest_plugin.plugin import UNUSED, is_case
from harness.run.option import command_line
from harness.run.options import OPTIONS
from harness.verdict import Requirement, load_requirements, required_ids
from harness.verdict.marks import OPT_IN

Judges = Mapping[str, Sequence[str]]  # row -> ids of cases


def rows_and_cases(*, opt_in: bool = True) -> tuple[dict[str, Requirement], Judges]:
    """The catalogue, and for each of its rows the cases, with those that must be asked for if `opt_in`.

    UsageError when pytest cannot collect them.
    """
    collected = _Collected()
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        asked = command_line(OPTIONS, dict.fromkeys(OPT_IN, opt_in))
        options = ["--collect-only", "-q", *UNUSED, *asked]
        code = pytest.main([*options, "-c", str(REPOSITORY / "pyproject.toml"), str(SUITES)], [collected])
    if collected.interrupt:
        raise collected.interrupt
    if code != pytest.ExitCode.OK:
        raise UsageError(f"the suites cannot be collected:\n{said.getvalue()}")
    rows = load_requirements()
    return rows, {row: [case for case, ids in collected.cases.items() if row in ids] for row in rows}


def as_json(rows: Mapping[str, Requirement], judges: Judges) -> list[dict[str, Any]]:
    """The collection as JSON, for programs."""
    return [{**asdict(row), "cases": list(judges[name])} for name, row in rows.items()]


def as_text(rows: Mapping[str, Requirement], judges: Judges) -> Iterator[str]:
    """Lines for a terminal: a row, where it stands, and its tests with how many variants each has."""
    for name, row in rows.items():
        yield f"{name}  {row.requirement_class}  {row.statement}"
        yield f"      {row.source}: {row.section} ({row.provenance})"
        yield from (f"      {page}" for page in row.pages)
        for test, count in Counter(case.partition("[")[0] for case in judges[name]).items():
            yield f"      {test}{f'  ({count} variants)' if count > 1 else ''}"


class _Collected:
    """A pytest plugin that keeps what was collected."""

    def __init__(self) -> None:
        self.cases: dict[str, list[str]] = {}
        self.interrupt: BaseException | None = None

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        if not isinstance(excinfo.value, pytest.Session.Interrupted):  # pytest's word for errors in files
            self.interrupt = excinfo.value

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.cases = {item.nodeid: required_ids(item) for item in session.items if is_case(item)}
