# SPDX-License-Identifier: Apache-2.0
"""The results of a run: run.json and the files beside it, and reports made from them alone."""

from harness.report.record import CaseFiles, CaseRecord, RunRecord, load_run

__all__ = ["CaseFiles", "CaseRecord", "RunRecord", "load_run"]
