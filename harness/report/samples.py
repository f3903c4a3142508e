# SPDX-License-Identifier: Apache-2.0
"""The times that the cases of a run measured, behind the percentiles of run.json, read back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.core.files import is_folder, read_json
from harness.report.files import inside

_LARGEST = 1 << 63  # ns: three centuries
Samples = Mapping[str, Mapping[str, list[int]]]  # ns by operation, quantity and round


def measured_by(path: Path, case: Mapping[str, Any]) -> Samples:
    """Times of a case of the run at `path`. UsageError when the file that its record names cannot be used."""
    if case["samples"] is None:
        return {}
    file = inside(path if is_folder(path) else path.parent, case["samples"])
    measured = read_json(file)
    if not _are_samples(measured):
        raise UsageError(f"{file} is damaged: it does not hold times by operation and quantity")
    return {str(operation): series for operation, series in measured.items()}


def _are_samples(measured: Any) -> bool:
    return isinstance(measured, dict) and all(
        isinstance(series, dict)
        and all(
            isinstance(values, list) and all(type(value) is int and abs(value) < _LARGEST for value in values)
            for values in series.values()
        )
        for series in measured.values()
    )
