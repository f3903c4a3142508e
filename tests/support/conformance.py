# SPDX-License-Identifier: Apache-2.0
"""Runs wsk-conformance and pytest as a user would, and reads what they leave."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.paths import REPOSITORY

BIN = Path(sys.executable).parent
_LIMIT = 800  # s; a busy host takes minutes for all cases, and pytest ends a test after 900


@dataclass
class Ran:
    """A run that is over."""

    status: int
    output: str
    results: Path

    @property
    def folder(self) -> Path:
        return self.results / "latest"

    @property
    def record(self) -> dict[str, Any]:
        run: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return run

    def case(self, name: str) -> dict[str, Any]:
        (found,) = [case for case in self.record["cases"] if case["id"].endswith(f"::{name}")]
        return dict(found)


def start(results: Path, program: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [str(BIN / program), *arguments, "--results", str(results)]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(results: Path, process: "subprocess.Popen[str]") -> Ran:
    try:
        output, _ = process.communicate(timeout=_LIMIT)
    except BaseException:
        process.kill()
        raise
    return Ran(process.returncode, output, results)


def run(results: Path, *arguments: str) -> Ran:
    """`wsk-conformance run`."""
    return finish(results, start(results, "wsk-conformance", "run", *arguments))


def run_cases(results: Path, *names: str, options: Sequence[str] = ()) -> Ran:
    """pytest on cases of tests/guest/troubled/test_endings.py."""
    places = [f"tests/guest/troubled/test_endings.py::test_{name}" for name in names]
    return finish(results, start(results, "pytest", "-p", "no:cacheprovider", *options, *places))


def broken_rules(ran: Ran) -> set[str]:
    """The rules of the strict mode that the run's guests have told of."""
    said = "".join(log.read_text(errors="replace") for log in ran.folder.glob("serial-*.log"))
    return set(re.findall(r"ntlab: strict: ([\w-]+):", said))


def read_terminal(terminal: int) -> str:
    """All that is written to its other end, until the last writer is gone."""
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # what a terminal says when its last writer is gone
        os.close(terminal)
    return shown.decode()


def left_over() -> set[int]:
    """QEMUs of labs that descend from this process, which has adopted (reaper.adopt) what they left."""
    parents, qemus = {}, set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"qemu-system" in command.split(b"\0")[0]:
                qemus.add(int(entry.name))
    return {qemu for qemu in qemus if os.getpid() in _ancestors(qemu, parents)}


def _ancestors(process: int, parents: dict[int, int]) -> Iterator[int]:
    while process in parents:
        process = parents[process]
        yield process
