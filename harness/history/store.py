# SPDX-License-Identifier: Apache-2.0
"""The store of nights: keeps, reads and deletes them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, update

from harness.core.paths import HISTORY, RESULTS
from harness.history import ingest, retention
from harness.history.database import Database
from harness.history.known import KnownIssues
from harness.history.loading import NightHead, find, load
from harness.history.schema import nights
from harness.history.status import exit_status

STORE = str(RESULTS / HISTORY)


class Store:
    """A context manager. Several processes, and with PostgreSQL several hosts, may use one at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, where: str = STORE, *, new: bool = True) -> "Store":
        """A file of SQLite, made when it is not there and `new`, or a URL, as of PostgreSQL.

        Raises UsageError, at the latest when it is entered, when it is damaged,
        of a newer version or another program's, or cannot be reached.
        """
        return cls(Database(where, new=new))

    def __enter__(self) -> Self:
        self._database.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._database.__exit__()

    def keep(self, night: Path) -> str:
        """Brings everything in the folder of a night up to date here; returns the night's id.

        May be called again and again while the night goes on: attempts in the
        store already are not read again. Raises UsageError when the folder holds no night.
        """
        return ingest.keep(self._database, night)

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection whose reads all see the store at one moment."""
        return self._database.reading()

    def status_of(self, night: str, excused: KnownIssues | None = None) -> int:
        """The exit status of a night, as that of a run; harness/history/status.py says what it counts."""
        with self.reading() as connection:
            return exit_status(load(connection, find(connection, night)), excused)

    def pin(self, night: str, *, pinned: bool = True) -> NightHead:
        """Makes a night the baseline of its matrix, in place of any other, or no longer.

        Raises UsageError when there is no such night.
        """
        with self._database.writing() as connection:
            head = find(connection, night)
            if pinned:
                connection.execute(update(nights).where(nights.c.matrix == head.matrix).values(pinned=False))
            connection.execute(update(nights).where(nights.c.id == head.id).values(pinned=pinned))
        return head

    def expendable(self, *, newest: int | None = None, days: int | None = None) -> list[NightHead]:
        """The nights that `prune` would delete."""
        with self.reading() as connection:
            return retention.expendable(connection, newest=newest, days=days)

    def prune(self, *, newest: int | None = None, days: int | None = None) -> Sequence[NightHead]:
        """Takes out the nights that are neither among the newest of their matrix nor young enough."""
        with self._database.writing() as connection:
            gone = retention.expendable(connection, newest=newest, days=days)
            retention.forget(connection, gone)
        if gone:
            self._database.shrink()
        return gone
