# SPDX-License-Identifier: Apache-2.0
"""The tables of the store.

Outcomes are by far the most rows: integers only, and no text where all went
well. What recurs (cases, rows, what cases recorded) stands once in a table of
its own. `cell_counts` and `row_counts` are what a page over all nights reads;
they are made anew whenever a cell is kept.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from harness.verdict import Outcome
from harness.verdict.attempts import CaseVerdict

NAME = 600  # letters: what PostgreSQL can index, whatever they are
LONGEST_WHY = 4000  # letters of it that are kept

# Stored: these numbers never change, and a new outcome gets a new number.
CODES = {
    Outcome.PASS: 1,
    Outcome.RECORDED: 2,
    Outcome.UNSUPPORTED: 3,
    Outcome.INCONCLUSIVE: 4,
    Outcome.HARNESS_ERROR: 5,
    Outcome.CHANGED: 6,
    Outcome.DEVIATION: 7,
    Outcome.HUNG: 8,
    Outcome.CRASHED: 9,
}
OUTCOMES = {code: outcome for outcome, code in CODES.items()}
FLAKY = 10  # a verdict, never an outcome


def code_of(verdict: CaseVerdict) -> int:
    """The verdict's number in the store."""
    return FLAKY if verdict.flaky else CODES[verdict.outcome]


# One naming for constraints, so that a migration can name them in every database.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _of(parent: str, *, key: bool = True) -> Column[int]:
    """A reference to the row that this one is a part of, and goes with."""
    name = f"{parent.removesuffix('s')}_id"
    return Column(name, ForeignKey(f"{parent}.id", ondelete="CASCADE"), primary_key=key, nullable=False)


nights = Table(
    "nights",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(NAME), nullable=False, unique=True),
    Column("matrix", String(NAME), nullable=False),
    Column("matrix_sha256", String(64), nullable=False),
    Column("started", String(32), nullable=False),  # ISO 8601, UTC: in order as text
    Column("seconds", Float, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("pinned", Boolean, nullable=False, default=False),
    Column("folder", Text, nullable=False),
)

cells = Table(
    "cells",
    metadata,
    Column("id", Integer, primary_key=True),
    _of("nights", key=False),
    Column("name", String(NAME), nullable=False),
    Column("guest", String(NAME), nullable=False),
    Column("kind", String(NAME), nullable=False),  # of its guest; this and the build as its last attempt
    Column("build", Text, nullable=False),  # that knows them says, or empty
    Column("settings", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    UniqueConstraint("night_id", "name"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    _of("cells", key=False),
    Column("number", Integer, nullable=False),
    Column("run", Text),
    Column("started", String(32), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("exit_status", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("why", Text, nullable=False),  # what went wrong with the attempt, or with reading what it left
    Column("kind", String(NAME), nullable=False),
    Column("build", Text, nullable=False),
    Column("stamp", String(64), nullable=False),  # of the run.json that was read
    UniqueConstraint("cell_id", "number"),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(NAME), nullable=False, unique=True),
    Column("sentence", Text, nullable=False),  # these two as the latest run had them
    Column("rows", JSON, nullable=False),
)

requirements = Table(
    "requirements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(NAME), nullable=False, unique=True),
    Column("statement", Text, nullable=False),
)

observations = Table(
    "observations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("told", JSON, nullable=False),  # all that a case recorded in one run
)

outcomes = Table(
    "outcomes",
    metadata,
    _of("attempts"),
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("outcome", SmallInteger, nullable=False),
    Column("first", SmallInteger),  # when the run itself tried twice: the outcome of the first try
    Column("failure", String(12)),  # its key (harness.history.failure), when the guest failed
    Column("observation_id", ForeignKey("observations.id")),
    Column("why", Text),
    sqlite_with_rowid=False,
)
# For since when a failure is there, and for which observations are still used; most outcomes have neither.
for _column in (outcomes.c.failure, outcomes.c.observation_id):
    _there = _column.is_not(None)
    Index(None, _column, sqlite_where=_there, postgresql_where=_there)

timings = Table(
    "timings",
    metadata,
    _of("attempts"),
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("operation", String(NAME), primary_key=True),
    Column("quantity", String(16), primary_key=True),
    Column("rounds", Integer, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ("p50", "p90", "p99", "max")),  # ns
    sqlite_with_rowid=False,
)

samples = Table(
    "samples",
    metadata,
    _of("attempts"),
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("series", LargeBinary, nullable=False),  # operation, quantity, ns by round: JSON in zlib
)

artefacts = Table(
    "artefacts",
    metadata,
    _of("attempts"),
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("path", Text, nullable=False),  # in the folder of the run
)

cell_counts = Table(
    "cell_counts",
    metadata,
    _of("cells"),
    Column("verdict", SmallInteger, primary_key=True),
    Column("cases", Integer, nullable=False),
    sqlite_with_rowid=False,
)

row_counts = Table(
    "row_counts",
    metadata,
    _of("cells"),
    Column("requirement_id", ForeignKey("requirements.id"), primary_key=True),
    Column("verdict", SmallInteger, primary_key=True),
    Column("cases", Integer, nullable=False),
    sqlite_with_rowid=False,
)
