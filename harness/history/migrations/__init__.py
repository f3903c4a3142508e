# SPDX-License-Identifier: Apache-2.0
"""Takes the tables of a store from the version that they have to the newest.

The versions are Alembic's, in `versions/`; they travel with the package, and no
command line of Alembic's is needed. A version is never edited after it was
released: a change of harness/history/schema.py comes with a new one.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect

from harness.core.errors import UsageError


def upgrade(connection: Connection, where: str) -> None:
    """Within the transaction of `connection`. `where` is the store's name in errors.

    Raises UsageError when the tables are of a newer version, or not ours.
    """
    from alembic import command  # these take a while, and most commands have no store
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    present = MigrationContext.configure(connection).get_current_heads()
    if not set(present) <= known:
        raise UsageError(
            f"the history in {where} was written by a newer wsk-conformance (its version is "
            f"{', '.join(present)}, ours {scripts.get_current_head()}): update this one"
        )
    if not present and inspect(connection).get_table_names():
        raise UsageError(f"{where} is a database of another program: choose a new one for the history")
    if set(present) != set(scripts.get_heads()):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
