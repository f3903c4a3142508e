# SPDX-License-Identifier: Apache-2.0
"""Verdicts: requirements, outcomes of cases, and how tests name both."""

from harness.verdict.baseline import Baseline
from harness.verdict.marks import alone, destructive, for_each, required_ids, requires, timing
from harness.verdict.outcome import Outcome, classify, exit_status
from harness.verdict.requirements import Requirement, RequirementClass, load_requirements

__all__ = [
    "Baseline",
    "Outcome",
    "Requirement",
    "RequirementClass",
    "alone",
    "classify",
    "destructive",
    "exit_status",
    "for_each",
    "load_requirements",
    "required_ids",
    "requires",
    "timing",
]
