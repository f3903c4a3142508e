# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance report --capture`."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

from harness.core.errors import EvidenceLost, UsageError
from harness.core.files import open_input, unreadable
from harness.report import capture_text
from harness.report.capture_json import as_json
from harness.wire.capture_file import frames
from harness.wire.connections import Connections

_MOST_NAMED = 10  # in one line


@dataclass(frozen=True)
class CaptureView:
    """The part of a capture that is wanted: the list of its connections, or the ladder of one."""

    is_list: bool = False
    is_json: bool = False
    connection: int | None = None  # the only one by default
    interface: str = ""  # name or number; all by default

    def __post_init__(self) -> None:
        if self.is_list and self.connection:
            raise UsageError("--list names all connections, --connection N draws one: leave out one of them")
        if self.is_json and not self.is_list:
            raise UsageError("of a capture, --format json belongs to --list")


def show_capture(path: Path, view: CaptureView) -> None:
    """Prints the connections of a capture, or one of them.

    UsageError when the file cannot be used, holds no such connection, or is damaged: then after what could
    be read.
    """
    try:
        with open_input(path) as file:
            if view.is_list:
                _list(file, view)
            else:
                _ladder(file, view.connection or _only_one(file, path, view.interface), view.interface)
    except OSError as error:
        raise UsageError(unreadable(path, error)) from None
    except EvidenceLost as error:
        raise UsageError(f"{path}: {error}; what is before that was read") from None


def _list(file: BinaryIO, view: CaptureView) -> None:
    found = Connections(view.interface)
    lost: EvidenceLost | None = None
    try:
        found.read(frames(file))
    except EvidenceLost as error:
        lost = error
    if view.is_json:
        click.echo(as_json(found, str(lost or "")))
    else:
        for line in capture_text.table(found):
            click.echo(line)
    if lost:
        raise lost
    _check(found, view.interface)


def _only_one(file: BinaryIO, path: Path, interface: str) -> int:
    """The number of the connection when there is no other."""
    if not file.seekable():
        raise UsageError("a pipe can be read only once: choose a connection with --connection N")
    found = Connections(interface)
    try:
        found.read(frames(file))
    except EvidenceLost:
        if not found.table:
            raise
    _check(found, interface)
    if len(found.table) > 1:
        raise UsageError(
            f"{path} holds {_count(found)} TCP connections: --list names them, --connection N chooses one"
        )
    file.seek(0)
    return 1


def _count(found: Connections) -> str:
    return f"more than {len(found.table)}" if found.is_full else str(len(found.table))


def _ladder(file: BinaryIO, number: int, interface: str) -> None:
    found = Connections(interface)
    width = shutil.get_terminal_size().columns
    try:
        for line in capture_text.ladder(found, frames(file), number, width):
            click.echo(line)
    finally:
        for line in capture_text.aside(found):
            click.echo(line)
    _check(found, interface)
    if number > len(found.table):
        which = (
            f"connection {number} cannot be drawn" if found.is_full else f"there is no connection {number}"
        )
        raise UsageError(f"{which}: the capture holds {_count(found)}")


def _check(found: Connections, interface: str) -> None:
    if interface and found.not_chosen == found.frames > 0:
        names = (f"{one.number} {one.name}".rstrip() for one in sorted(found.interfaces)[:_MOST_NAMED])
        raise UsageError(f"the capture has no frame of interface {interface}, but of {', '.join(names)}")
    if found.unreadable:
        links = ", ".join(map(str, sorted(found.unread_links)[:_MOST_NAMED]))
        raise UsageError(
            f"the capture has link type {links}; those that are read are Ethernet, raw IP, Linux cooked "
            "(1 and 2), loopback, PPP and Cisco's HDLC (https://www.tcpdump.org/linktypes.html)"
        )
    if not found.table:
        raise UsageError("the capture holds no TCP packet that could be read")
