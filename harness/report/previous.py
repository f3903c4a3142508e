# SPDX-License-Identifier: Apache-2.0
"""The run that came before another, among the folders beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.report.record import RUN_FILE, load_run

_MOST_LOOKED_AT = 10  # folders


def previous(folder: Path, run: Mapping[str, Any]) -> dict[str, Any] | None:
    """The last readable run of the same guest before `run`, or None.

    Runs are named by the moment in which they began.
    """
    whole = folder.resolve()
    try:
        beside = [path for path in whole.parent.iterdir() if (path / RUN_FILE).is_file()]
    except OSError:
        return None
    earlier = sorted(
        (path for path in beside if path.name < whole.name and not path.is_symlink()), reverse=True
    )
    for path in earlier[:_MOST_LOOKED_AT]:
        try:
            before = load_run(path)
        except UsageError:
            continue
        if before["guest"].get("name") == run["guest"].get("name") and before["cases"]:
            return before
    return None
