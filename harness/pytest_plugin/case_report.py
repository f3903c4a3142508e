# SPDX-License-Identifier: Apache-2.0
"""Carries a case in pytest's report of its test, from a worker to the process above it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from harness.report.record import CaseRecord

_ATTRIBUTE = "wsk"


@dataclass(frozen=True)
class CaseReport:
    """A case that is over and written; `place` is that of its test among those collected."""

    record: CaseRecord
    guest: Mapping[str, str]  # facts known of it
    place: int


def attach(report: pytest.TestReport, case: CaseReport | None) -> None:
    """Marks the report of a case; those of the phases that do not decide carry None."""
    setattr(report, _ATTRIBUTE, case)


def is_of_case(report: pytest.TestReport) -> bool:
    """Is it of a case, whatever its phase?"""
    return hasattr(report, _ATTRIBUTE)


def reported(report: pytest.TestReport) -> CaseReport | None:
    """The case whose end this report tells."""
    case: CaseReport | None = getattr(report, _ATTRIBUTE, None)
    return case


class BetweenProcesses:
    """Between processes a case goes as what pytest-xdist can send: texts, numbers, lists and tables."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self, report: pytest.TestReport) -> Any:
        data = yield
        if data and (case := reported(report)):
            sent = {"record": case.record.plain(), "guest": dict(case.guest), "place": case.place}
            data[_ATTRIBUTE] = sent
        return data

    @pytest.hookimpl(wrapper=True)
    def pytest_report_from_serializable(self) -> Any:
        report = yield
        sent = getattr(report, _ATTRIBUTE, None)
        if sent:
            record = CaseRecord.of_plain(sent["record"])
            attach(report, CaseReport(record, sent["guest"], sent["place"]))
        return report
