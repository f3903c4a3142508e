# SPDX-License-Identifier: Apache-2.0
"""Keeps nights in the history while they go on, so that the page is there even when one is killed."""

import threading
from collections.abc import Callable
from pathlib import Path

from harness.core.errors import WskConformanceError
from harness.history.pages import write_pages
from harness.history.store import Store

PAGES = "history"  # folder of the pages, beside the nights'


class HistoryWriter:
    """Keeps a night in the store. A failure is told and costs the night nothing: its folder has it all."""

    def __init__(self, store: str, results: Path, says: Callable[[str], None]) -> None:
        """Raises UsageError when the store cannot be used."""
        self._store = store
        self._pages = results / PAGES
        self._says = says
        self._lock = threading.Lock()
        with Store.open(store):
            pass

    def keep(self, night: Path) -> None:
        """Write the present state of the night in this folder to the store."""
        self._try(night, lambda store: store.keep(night))

    def finish(self, night: Path) -> None:
        """The same, and the page over all nights."""
        self.keep(night)
        self._try(night, lambda store: self._says(f"page over all nights: {write_pages(store, self._pages)}"))

    def _try(self, night: Path, do: Callable[[Store], object]) -> None:
        try:
            with self._lock, Store.open(self._store) as store:
                do(store)
        except WskConformanceError as error:
            self._says(
                f"the history is not up to date: {error}; "
                f"later: `wsk-conformance history keep {night}`, then `history page`"
            )
