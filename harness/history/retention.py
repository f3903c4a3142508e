# SPDX-License-Identifier: Apache-2.0
"""Which nights are kept, by number and by age, and what goes with those that are not."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection, delete, select

from harness.core.errors import UsageError
from harness.history.loading import NightHead, heads
from harness.history.night import load_night
from harness.history.schema import nights, observations, outcomes

_AT_ONCE = 500


def expendable(connection: Connection, *, newest: int | None, days: int | None) -> list[NightHead]:
    """Nights that no rule keeps: neither among the `newest` of their matrix, nor younger than `days`.

    A rule that is None keeps nothing. The latest night of each matrix and the
    pinned ones are always kept. Raises UsageError without any rule.
    """
    if newest is None and days is None:
        raise UsageError("say what is to be kept: --keep-nights, --keep-days, or both")
    oldest = datetime.now(UTC) - timedelta(days=days or 0)
    by_matrix = sorted(heads(connection), key=lambda head: head.matrix)  # within one still the newest first
    return [
        head
        for _, group in groupby(by_matrix, key=lambda head: head.matrix)
        for place, head in enumerate(group)
        if place >= max(newest or 0, 1)
        and not head.pinned
        and (days is None or datetime.fromisoformat(head.started) < oldest)
    ]


def forget(connection: Connection, gone: Sequence[NightHead]) -> None:
    """Takes nights out of the store, and what no other night refers to."""
    for start in range(0, len(gone), _AT_ONCE):
        ids = [head.id for head in gone[start : start + _AT_ONCE]]
        connection.execute(delete(nights).where(nights.c.id.in_(ids)))
    used = select(outcomes.c.observation_id).where(outcomes.c.observation_id.is_not(None))
    connection.execute(delete(observations).where(observations.c.id.not_in(used)))


def delete_folder(head: NightHead) -> bool:
    """Deletes the folder of a night, if it still holds that night. Raises UsageError when it cannot."""
    folder = Path(head.folder)
    try:
        if load_night(folder).night_id != head.name:
            return False
    except UsageError:
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise UsageError(f"cannot delete {folder}: {error.strerror}") from None
    return True
