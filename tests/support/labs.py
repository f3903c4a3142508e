# SPDX-License-Identifier: Apache-2.0
"""Runs a piece of a lab in a process of its own: a lab takes its whole process into another network."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from harness.core.paths import REPOSITORY

_LIMIT = 180  # s; the image may have to be built first, on a busy machine

_PRELUDE = """
import asyncio, os, signal, sys, time
from pathlib import Path
from xml.etree.ElementTree import fromstring
from harness.core.errors import *
from harness.lab import libvirt_embed, namespace
from harness.lab.hypervisor import Hypervisor
from harness.guest import find

network = namespace.enter()

async def started(hypervisor, fault=None):
    log = Path(sys.argv[1]) / "serial.log"
    return await find("reference").start(hypervisor, network, fault=fault, serial_log=log, progress=print)
"""


def start_lab(body: str, folder: Path) -> "subprocess.Popen[str]":
    """A process that runs `body`, which may use `network` and `await started(hypervisor)`."""
    program = _PRELUDE + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(lab: "subprocess.Popen[str]", limit: float = _LIMIT) -> list[str]:
    """The lines it printed; it must have ended well and said nothing on stderr."""
    try:
        stdout, stderr = lab.communicate(timeout=limit)
    except BaseException:
        lab.kill()
        raise
    assert (lab.returncode, stderr) == (0, ""), stdout + stderr
    return stdout.splitlines()


def processes_under(root: str) -> list[int]:
    """Processes that have a path under `root` in their command line."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and f"{root}/" in _command_line(entry)
    ]


def _command_line(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_text(errors="replace")
    except OSError:
        return ""
