# SPDX-License-Identifier: Apache-2.0
"""Libraries that not every installation has: each is brought along by an extra (pyproject.toml)."""

from importlib.util import find_spec

from harness.core.errors import UsageError

EXTRAS = {
    "stats": ("scipy",),
    "history": ("alembic", "psutil", "psycopg", "pydantic", "sqlalchemy"),
    "farm": ("distributed",),
    "explore": ("hypothesis",),
    "windows": ("pycdlib", "pyfsntfs", "requests", "spnego", "winrm"),
}


def require(extra: str) -> None:
    """Raises UsageError, with what to do, when a library of the extra is missing."""
    for module in EXTRAS[extra]:
        if find_spec(module) is None:
            raise UsageError(_line(module, extra))


def missing(error: ModuleNotFoundError) -> str:
    """The line for a failed import of an extra's library; empty for any other import."""
    module = (error.name or "").partition(".")[0]
    return next((_line(module, extra) for extra, modules in EXTRAS.items() if module in modules), "")


def _line(module: str, extra: str) -> str:
    return f"this needs {module}, which is not installed: pip install 'wsk-conformance[{extra}]'"
