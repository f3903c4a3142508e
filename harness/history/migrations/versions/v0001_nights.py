# SPDX-License-Identifier: Apache-2.0
"""The first tables: nights, cells, attempts, and what each attempt found."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=600), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sa.UniqueConstraint("name", name="uq_cases_name"),
    )
    op.create_table(
        "nights",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=600), nullable=False),
        sa.Column("matrix", sa.String(length=600), nullable=False),
        sa.Column("matrix_sha256", sa.String(length=64), nullable=False),
        sa.Column("started", sa.String(length=32), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_nights"),
        sa.UniqueConstraint("name", name="uq_nights_name"),
    )
    op.create_table(
        "observations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_observations"),
        sa.UniqueConstraint("digest", name="uq_observations_digest"),
    )
    op.create_table(
        "requirements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=600), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_requirements"),
        sa.UniqueConstraint("name", name="uq_requirements_name"),
    )
    op.create_table(
        "cells",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("night_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=600), nullable=False),
        sa.Column("guest", sa.String(length=600), nullable=False),
        sa.Column("kind", sa.String(length=600), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["night_id"], ["nights.id"], name="fk_cells_night_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_cells"),
        sa.UniqueConstraint("night_id", "name", name="uq_cells_night_id"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text(), nullable=True),
        sa.Column("started", sa.String(length=32), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("exit_status", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=600), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("stamp", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_attempts_cell_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("cell_id", "number", name="uq_attempts_cell_id"),
    )
    op.create_table(
        "cell_counts",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_cell_counts_cell_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cell_id", "verdict", name="pk_cell_counts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "row_counts",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("requirement_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_row_counts_cell_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["requirement_id"], ["requirements.id"], name="fk_row_counts_requirement_id"),
        sa.PrimaryKeyConstraint("cell_id", "requirement_id", "verdict", name="pk_row_counts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artefacts",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_artefacts_attempt_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_artefacts_case_id"),
        sa.PrimaryKeyConstraint("attempt_id", "case_id", "kind", name="pk_artefacts"),
    )
    op.create_table(
        "outcomes",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("first", sa.SmallInteger(), nullable=True),
        sa.Column("failure", sa.String(length=12), nullable=True),
        sa.Column("observation_id", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_outcomes_attempt_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_outcomes_case_id"),
        sa.ForeignKeyConstraint(["observation_id"], ["observations.id"], name="fk_outcomes_observation_id"),
        sa.PrimaryKeyConstraint("attempt_id", "case_id", name="pk_outcomes"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_outcomes_failure",
        "outcomes",
        ["failure"],
        unique=False,
        sqlite_where=sa.text("failure IS NOT NULL"),
        postgresql_where=sa.text("failure IS NOT NULL"),
    )
    op.create_index(
        "ix_outcomes_observation_id",
        "outcomes",
        ["observation_id"],
        unique=False,
        sqlite_where=sa.text("observation_id IS NOT NULL"),
        postgresql_where=sa.text("observation_id IS NOT NULL"),
    )
    op.create_table(
        "samples",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("series", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_samples_attempt_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_samples_case_id"),
        sa.PrimaryKeyConstraint("attempt_id", "case_id", name="pk_samples"),
    )
    op.create_table(
        "timings",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("operation", sa.String(length=600), nullable=False),
        sa.Column("quantity", sa.String(length=16), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("p50", sa.BigInteger(), nullable=False),
        sa.Column("p90", sa.BigInteger(), nullable=False),
        sa.Column("p99", sa.BigInteger(), nullable=False),
        sa.Column("max", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_timings_attempt_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_timings_case_id"),
        sa.PrimaryKeyConstraint("attempt_id", "case_id", "operation", "quantity", name="pk_timings"),
        sqlite_with_rowid=False,
    )
