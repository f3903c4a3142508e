# SPDX-License-Identifier: Apache-2.0
"""Performs commands as a shell would, in this process, and tells how they ended."""

import contextlib
import io
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from harness.cli import ending
from harness.cli.main import main


@dataclass(frozen=True)
class Told:
    """The exit status and output of a command."""

    status: int
    out: str
    err: str
    seconds: float


def command(*words: object, folder: Path) -> Told:
    """`wsk-conformance WORDS`, in that folder."""
    out, err = io.StringIO(), io.StringIO()
    began = time.monotonic()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with (
            mock.patch.object(sys, "argv", ["wsk-conformance", *map(str, words)]),
            mock.patch.object(ending, "take_signals"),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = ending.run(main)
    finally:
        os.chdir(before)
    return Told(status, out.getvalue(), err.getvalue(), time.monotonic() - began)
