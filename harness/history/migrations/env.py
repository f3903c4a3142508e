# SPDX-License-Identifier: Apache-2.0
"""Alembic runs this for each upgrade: within the transaction of the connection that it is given."""

from alembic import context

from harness.history.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
