# SPDX-License-Identifier: Apache-2.0
"""Finds a stored case and performs its test again.

The test knows its peer and makes its scenario: nothing else need be stored.
"""

import contextlib
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.core.paths import REPOSITORY, SUITES
from harness.core.signals import raise_if_terminated
from harness.pytest_plugin.plugin import UNUSED
from harness.run.options import ANY_CASE, Settings

_MOST_NAMED = 10
_MOST_TOLD = 2000  # characters of what pytest says


def find(run: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """The case with this id, or the only one whose id has this part."""
    found: list[dict[str, Any]] = [case for case in run["cases"] if case["id"] == wanted]
    found = found or [case for case in run["cases"] if wanted in case["id"]]
    if not found:
        raise UsageError(f"the run has no case {wanted!r}; its run.json names them")
    if len(found) > 1:
        more = f"\n  and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        names = "".join(f"\n  {case['id']}" for case in found[:_MOST_NAMED])
        raise UsageError(f"{len(found)} cases have {wanted!r} in their ids; name one:{names}{more}")
    (case,) = found
    return case


def perform(case: str, settings: Settings) -> Path:
    """The folder of the new run, which holds this case alone.

    UsageError when there is no such test any more, HarnessError when the run left no record.
    """
    file, _, test = case.partition("::")
    path = (REPOSITORY / file).resolve()
    if not test or not path.is_relative_to(SUITES) or not path.is_file():
        raise UsageError(f"the suites have no test {case!r} any more")
    arguments = ["-q", "-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(REPOSITORY)]
    arguments += [*UNUSED, *replace(settings, **ANY_CASE).as_arguments()]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main([*arguments, f"{path}::{test}"])
    raise_if_terminated()
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise UsageError(f"the suites cannot run {case!r}:\n{said.getvalue()[-_MOST_TOLD:]}")
    try:
        return (settings.results / "latest").resolve(strict=True)
    except OSError:
        raise HarnessError(f"the new run left no record:\n{said.getvalue()[-_MOST_TOLD:]}") from None
