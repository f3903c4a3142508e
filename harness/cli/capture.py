# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance report --capture`."""

import shutil
from pathlib import Path
from typing import BinaryIO

import click

from harness.core.errors import EvidenceLost, UsageError
from harness.core.files import open_input, unreadable
from harness.report import capture_text
from harness.wire.capture_file import frames
from harness.wire.connections import Connections


def show_capture(path: Path, *, list_only: bool, number: int | None) -> None:
    """Prints the connections of a capture, or one of them.

    UsageError when the file cannot be used or holds no such connection;
    EvidenceLost, after what could be read, when it is damaged.
    """
    try:
        with open_input(path) as file:
            if list_only:
                _list(file)
            else:
                _ladder(file, number or _only_one(file, path))
    except OSError as error:
        raise UsageError(unreadable(path, error)) from None
    except EvidenceLost as error:
        raise EvidenceLost(f"{path}: {error}; what is before that was read") from None


def _list(file: BinaryIO) -> None:
    found = Connections()
    try:
        found.read(frames(file))
    finally:
        for line in capture_text.table(found):
            click.echo(line)
    _check(found)


def _only_one(file: BinaryIO, path: Path) -> int:
    """The number of the connection when there is no other."""
    if not file.seekable():
        raise UsageError("a pipe can be read only once: choose a connection with --connection N")
    found = Connections()
    try:
        found.read(frames(file))
    except EvidenceLost:
        if not found.table:
            raise
    _check(found)
    if len(found.table) > 1:
        raise UsageError(
            f"{path} holds {len(found.table)} TCP connections: --list names them, --connection N chooses one"
        )
    file.seek(0)
    return 1


def _ladder(file: BinaryIO, number: int) -> None:
    found = Connections()
    width = shutil.get_terminal_size().columns
    try:
        for line in capture_text.ladder(found, frames(file), number, width):
            click.echo(line)
    finally:
        for line in capture_text.aside(found):
            click.echo(line)
    _check(found)
    if number > len(found.table):
        raise UsageError(f"there is no connection {number}: the capture holds {len(found.table)}")


def _check(found: Connections) -> None:
    if found.unreadable:
        links = ", ".join(map(str, sorted(found.unread_links)))
        raise UsageError(
            f"the capture has link type {links}; those that are read are Ethernet, raw IP, "
            "Linux cooked (1 and 2) and loopback (https://www.tcpdump.org/linktypes.html)"
        )
    if not found.table:
        raise UsageError("the capture holds no TCP packet that could be read")
