# SPDX-License-Identifier: Apache-2.0
"""The database of a store: SQLite in a file, or PostgreSQL by URL. One writer at a time, in both.

Writers take turns (SQLite's own lock, an advisory lock of PostgreSQL's): a
night is written in a fraction of a second, and nobody can wait for each other
in a circle. Every wait has a limit.
"""

import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from harness.core.errors import HarnessError, UsageError
from harness.core.files import exists, is_file, reason, short, unnameable
from harness.core.printable import printable
from harness.history import migrations

LOCK_LIMIT = 120  # s
CONNECT_LIMIT = 15  # s
_QUIET = 1  # s of waiting for a lock, before that is said

_ADVISORY_LOCK = 0x57534B  # 'WSK': all who write a store of this kind in one PostgreSQL database
_DAMAGED = ("file is not a database", "malformed")
_LOCKED = ("database is locked", "lock timeout")


class Database:
    """A context manager; takes the tables to the newest version when it is opened.

    Raises UsageError when it cannot be opened, is damaged, or is of a newer
    version or another program.
    """

    def __init__(self, where: str, *, new: bool = True) -> None:
        """`where` is a file, or a URL of SQLite or PostgreSQL. Without `new`, the file must be there."""
        self.url = _url(where)
        self.shown = shown(where)
        if self._is_sqlite:
            _check_place(Path(self.url.database or ""), new=new)
        self._engine = _engine(self.url)

    def __enter__(self) -> "Database":
        try:
            with self.writing() as connection:
                migrations.upgrade(connection, self.shown)
        except BaseException:
            self._engine.dispose()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction: everything read in it is of one moment."""
        options = {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._told(), self._connect(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Nobody else writes meanwhile. Committed at the end, unless an error ends it."""
        with self._told(), self._connect(writes=True) as connection, connection.begin():
            if not self._is_sqlite:
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_LIMIT}s'"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            yield connection

    def shrink(self) -> None:
        """Gives what was deleted back to the file system, where the database does not do so by itself."""
        if self._is_sqlite:
            with self._told(), self._connect() as connection:
                connection.connection.cursor().execute("VACUUM")

    def _connect(self, **options: Any) -> Connection:
        return self._engine.connect().execution_options(**options)

    @property
    def _is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def _told(self) -> Iterator[None]:
        """An error of the database as an error of ours, in one line."""
        try:
            yield
        except DBAPIError as error:
            raise self._in_words(error.orig or error) from None
        except sqlite3.Error as error:
            raise self._in_words(error) from None
        except SQLAlchemyError as error:
            raise HarnessError(f"the history in {self.shown} failed: {_line(error)}") from None

    def _in_words(self, error: BaseException) -> Exception:
        said = _line(error)
        if any(words in said for words in _LOCKED):
            return HarnessError(
                f"the history in {self.shown} stayed locked for {LOCK_LIMIT} s: "
                "see which program holds it, and try again"
            )
        if any(words in said for words in _DAMAGED):
            return UsageError(
                f"the history in {self.shown} is damaged ({said}): put back a copy, "
                "or move it away and keep the nights again"
            )
        if type(error).__name__ == "OperationalError":
            return UsageError(f"cannot use the history in {self.shown}: {said}")
        return HarnessError(f"the history in {self.shown} failed: {said}")


def shown(where: str) -> str:
    """The file or the URL, without its password."""
    url = _url(where)
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string()


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows that the table does not have yet."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


def put(connection: Connection, table: Table, row: Mapping[str, Any], key: Sequence[str]) -> int:
    """The id of the row with this key, which is now as given."""
    changes = {name: value for name, value in row.items() if name not in key}
    statement = _insert(connection, table).values(**row)
    statement = statement.on_conflict_do_update(index_elements=key, set_=changes)
    return int(connection.execute(statement.returning(table.c.id)).scalar_one())


def _insert(connection: Connection, table: Table) -> Any:
    """The two dialects' statements have the same methods, but no type in common that has them."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _url(where: str) -> URL:
    if "://" not in where:
        return URL.create("sqlite", database=where)
    try:
        url = make_url(where)
    except ArgumentError:
        raise UsageError("the history's URL cannot be read: it is like postgresql://user@host/name") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return url
    raise UsageError(
        f"a history is in SQLite or PostgreSQL, not in {url.drivername!r}: "
        "give a file, sqlite:///FILE, or postgresql://user@host/name"
    )


def _check_place(path: Path, *, new: bool) -> None:
    if why := unnameable(path):
        raise UsageError(f"cannot {'keep a' if new else 'use the'} history in {short(path)}: {why}")
    if exists(path) and not is_file(path):
        raise UsageError(f"cannot keep a history in {short(path)}: it is not a file")
    if not new and not exists(path):
        raise UsageError(
            f"there is no history in {path}: `wsk-conformance history keep NIGHT` begins one, "
            "--store names another"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot keep a history in {short(path)}: {reason(error)}") from None


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(url, connect_args={"connect_timeout": CONNECT_LIMIT})
    engine = create_engine(url, connect_args={"timeout": LOCK_LIMIT})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin below, and hold tables as well
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("writes"):
            connection.exec_driver_sql(_waiting(LOCK_LIMIT))
            connection.exec_driver_sql("BEGIN")
            return
        try:
            connection.exec_driver_sql(_waiting(_QUIET))
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except DBAPIError as error:
            if not any(words in _line(error.orig or error) for words in _LOCKED):
                raise
            _say(f"another program writes the history in {url.database}: waiting, {LOCK_LIMIT} s at most")
            connection.exec_driver_sql(_waiting(LOCK_LIMIT))
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _waiting(seconds: float) -> str:
    """The statement after which a connection waits so long for a lock."""
    return f"PRAGMA busy_timeout = {round(seconds * 1000)}"


def _say(line: str) -> None:
    print(f"wsk-conformance: {printable(line)}", file=sys.stderr, flush=True)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
