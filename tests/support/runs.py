# SPDX-License-Identifier: Apache-2.0
"""Runs to make records and reports of."""

from pathlib import Path
from typing import Any

from harness.report import CaseRecord, RunRecord
from harness.verdict import Outcome, load_requirements

GUEST = {"name": "reference", "kind": "reference", "build": "6.1.0", "accelerator": "tcg"}


def record(results: Path, **changes: Any) -> RunRecord:
    settings = {"guest": GUEST, "settings": {"fault": None}, "requirements": load_requirements().values()}
    return RunRecord(results, **{**settings, **changes})


def case(case_id: str = "suites/disconnect/test_fin.py::test_fin[ipv4]", **changes: Any) -> CaseRecord:
    fields: dict[str, Any] = {
        "id": case_id,
        "sentence": "A graceful disconnect sends one FIN.",
        "requirements": ["D-08"],
        "outcome": Outcome.PASS,
        "seconds": 0.25,
        "attempts": ["pass"],
    }
    return CaseRecord(**{**fields, **changes})
