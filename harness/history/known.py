# SPDX-License-Identifier: Apache-2.0
"""Failures that somebody looked into: a file that is reviewed like code.

    [[issue]]
    failure = "3f0a9c1d2e4b"                  # the key of a failure, as pages show it
    reason = "TCP offload of this NIC; reported to the vendor"
    expires = 2027-03-31

    [[issue]]
    cases = "suites/close/test_pool.py::*"    # instead of `failure`; * is any text
    cells = "wine*"                           # only in these cells; in all, when left out
    reason = "..."
    expires = 2027-03-31

A known failure stays a failure and visible, and is marked. After its day it is
as unknown as any other: somebody has to look again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.core.files import read_toml
from harness.core.paths import KNOWN_ISSUES

_KEY = re.compile(r"[0-9a-f]{12}")
_NAMES = {"failure", "cases", "cells", "reason", "expires"}


@dataclass(frozen=True)
class Issue:
    """A failure by its key, or the failures of some cases."""

    reason: str
    expires: date  # the last day on which it is known
    failure: str | None = None
    cases: str | None = None  # with * for any text
    cells: str = "*"

    @property
    def names(self) -> str:
        """The issue's failure or cases, and its cells, as the file names them."""
        where = f" in {self.cells}" if self.cells != "*" else ""
        return f"{self.failure or self.cases}{where}"

    def covers(self, cell: str, case: str, failure: str | None) -> bool:
        """Is it about this failure, whatever the day?"""
        about = self.failure == failure if self.failure else _fits(self.cases or "", case)
        return about and _fits(self.cells, cell)

    def expired(self, day: date) -> bool:
        return day > self.expires


@dataclass(frozen=True)
class KnownIssues:
    """All of a file."""

    issues: tuple[Issue, ...] = ()

    def of(self, cell: str, case: str, failure: str | None, day: date) -> Issue | None:
        """The issue that covers this failure on this day; one that expired only when no other does."""
        covering = [issue for issue in self.issues if issue.covers(cell, case, failure)]
        return max(covering, key=lambda issue: issue.expires, default=None)

    def knows(self, cell: str, case: str, failure: str | None, day: date) -> bool:
        """Is there an issue for it that has not expired?"""
        issue = self.of(cell, case, failure, day)
        return issue is not None and not issue.expired(day)


def load_known(path: Path | None = None) -> KnownIssues:
    """Known issues from a file, by default the suites' own. Raises UsageError when it cannot be used."""
    path = path or KNOWN_ISSUES
    told = read_toml(path, "the known issues in")
    issues = told.get("issue", [])
    if set(told) - {"issue"} or not isinstance(issues, list):
        raise UsageError(f"the known issues in {path} are tables [[issue]] and nothing else")
    return KnownIssues(tuple(_issue(path, number, each) for number, each in enumerate(issues, 1)))


def _issue(path: Path, number: int, told: Any) -> Issue:
    def wrong(what: str) -> UsageError:
        return UsageError(f"issue {number} of the known issues in {path}: {what}")

    if not isinstance(told, Mapping):
        raise wrong("it is not a table")
    for name in sorted(set(told) - _NAMES):
        raise wrong(f"there is no {name!r}; an issue has {', '.join(sorted(_NAMES))}")
    for name in sorted(_NAMES - {"expires"} & set(told)):
        if not isinstance(told[name], str) or not told[name].strip():
            raise wrong(f"{name} is no text")
    if ("failure" in told) == ("cases" in told):
        raise wrong("it has either a failure or cases")
    if "failure" in told and not _KEY.fullmatch(told["failure"]):
        raise wrong(f"{told['failure']!r} is not the key of a failure: twelve digits of 0-9 and a-f")
    if "reason" not in told:
        raise wrong("it has no reason")
    expires = told.get("expires")
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise wrong("it needs a day on which it expires, as in `expires = 2027-03-31`")
    return Issue(**told)


def _fits(pattern: str, text: str) -> bool:
    """Only * is special: the names of cases have brackets in them."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
