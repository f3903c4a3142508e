# SPDX-License-Identifier: Apache-2.0
"""Shared by the commands that start one guest themselves: a folder for what it leaves, and their lines."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import click


@contextlib.contextmanager
def guest_folder(results: Path) -> Iterator[Path]:
    """A new folder below `results` for what a guest leaves; gone afterwards when no file is in it.

    Raises UsageError when it cannot be made.
    """
    from harness.report.record import make_folders, new_run_id

    folder = results.resolve() / new_run_id()
    make_folders(folder)
    try:
        yield folder
    finally:
        if not has_files(folder):
            shutil.rmtree(folder, ignore_errors=True)


def has_files(folder: Path) -> bool:
    """Whether the folder has a file, at any depth."""
    return any(path.is_file() for path in folder.rglob("*"))


def say(line: str) -> None:
    """A line on standard error: standard output is for the command's result."""
    click.echo(line, err=True)
