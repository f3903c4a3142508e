# SPDX-License-Identifier: Apache-2.0
"""The pages that are made from the store: index.html over all nights, a summary for chat, badges."""

from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import UsageError
from harness.history.known import KnownIssues, load_known
from harness.history.loading import NightHead, heads
from harness.history.night_summary import night_summary
from harness.history.pages.badges import badges
from harness.history.pages.index import index
from harness.history.render import summary
from harness.history.store import Store
from harness.report.files import write_atomically

INDEX_FILE = "index.html"
SUMMARY_FILE = "summary.md"


def write_pages(store: Store, folder: Path, known: KnownIssues | None = None) -> Path:
    """Makes the pages in `folder`, and returns the one to open.

    `known` are those of the suites by default. Raises UsageError when the store
    holds no night yet, or when the folder cannot be written.
    """
    issues = load_known() if known is None else known
    with store.reading() as connection:
        all_nights = heads(connection)
        if not all_nights:
            raise UsageError("the history holds no night yet: `wsk-conformance history keep NIGHT` adds one")
        briefs = [night_summary(connection, head, issues) for head in _latest(all_nights)]
        page = index(connection, briefs, all_nights, folder)
    files = {
        INDEX_FILE: page,
        SUMMARY_FILE: "\n".join(summary(briefs[0])) + "\n",
        **{name: image for each in briefs for name, image in badges(each).items()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_atomically(folder / name, text.encode())
    except OSError as error:
        raise UsageError(f"cannot write the pages into {folder}: {error.strerror}") from None
    return folder / INDEX_FILE


def _latest(all_nights: list[NightHead]) -> Iterator[NightHead]:
    """The latest night of each matrix, the latest of all first."""
    seen: set[str] = set()
    for head in all_nights:
        if head.matrix not in seen:
            seen.add(head.matrix)
            yield head
