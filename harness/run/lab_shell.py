# SPDX-License-Identifier: Apache-2.0
"""A lab to work in by hand: a command in the lab's network, and the guest at its side.

The command finds two programs on its PATH. They ask this process, which holds
the guest, through a Unix socket; an answer is one JSON object on one line.
"""

import asyncio
import contextlib
import json
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import UsageError, WskConformanceError
from harness.guest.base import RunningGuest
from harness.report.text import lines
from harness.run import lab_client
from harness.run.case import Case
from harness.run.lab_client import GUEST, SCENARIO, SOCKET
from harness.run.session import Session
from harness.scenario import Scenario, decode, first

WELCOME = """\
The guest runs. This shell is in the lab's network; `exit` ends both.
  guest COMMAND          run a command inside the guest
  scenario FILE [STEPS]  perform a stored scenario, or its first STEPS steps, and print its trace
  $WSK_GUEST4 $WSK_GUEST6 are the guest's addresses, $WSK_HOST4 $WSK_HOST6 ours, $WSK_TAP is the wire:
  `tcpdump -i $WSK_TAP` shows it; a peer of your own listens on $WSK_HOST4 (`nc -l -s $WSK_HOST4 -p 12345`)"""

_COMMAND_LIMIT_S = 600.0
_REQUEST_BYTES = 1 << 20


def _kill_with_all_it_started(pid: int) -> None:
    """It shares our terminal, so it has no process group of its own that could be killed as a whole."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                _kill_with_all_it_started(int(child))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def own_shell() -> list[str]:
    """The user's shell."""
    return [os.environ.get("SHELL", "/bin/sh")]


@dataclass(frozen=True)
class LabShell:
    """One lab; `command` is what runs in it."""

    session: Session
    command: Sequence[str]

    async def run(self) -> int:
        """Starts the guest, runs the command to its end, and says how it ended: its exit status.

        The caller opens and closes the session. Raises what keeps the guest from starting.
        """
        with tempfile.TemporaryDirectory(prefix="wsk-lab-") as folder:
            async with self.session.guest() as lease, self._answering(Path(folder), lease.guest) as told:
                process = await asyncio.create_subprocess_exec(*self.command, env={**os.environ, **told})
                try:
                    return await process.wait()
                finally:
                    if process.returncode is None:
                        _kill_with_all_it_started(process.pid)

    @contextlib.asynccontextmanager
    async def _answering(self, folder: Path, guest: RunningGuest) -> AsyncIterator[Mapping[str, str]]:
        """The variables that the command gets besides ours; its programs are answered meanwhile."""
        socket = folder / "socket"
        answers: dict[str, Callable[[list[str]], Awaitable[tuple[str, int]]]] = {
            GUEST: lambda words: _in_guest(guest, words),
            SCENARIO: self._scenario,
        }

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer):
                program, *words = json.loads(await reader.readline())
                try:
                    text, status = await answers[program](words)
                except WskConformanceError as error:
                    text, status = f"{error}\n", 1
                with contextlib.suppress(ConnectionError):  # its user pressed Ctrl-C
                    writer.write(json.dumps([text, status]).encode() + b"\n")
                    await writer.drain()

        programs = folder / "bin"
        programs.mkdir()
        for name in answers:
            _write_program(programs / name, name)
        network = self.session.network
        async with await asyncio.start_unix_server(serve, socket, limit=_REQUEST_BYTES):
            yield {
                SOCKET: str(socket),
                "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
                "WSK_GUEST4": network.test_guest4,
                "WSK_GUEST6": network.test_guest6,
                "WSK_HOST4": network.test_host4,
                "WSK_HOST6": network.test_host6,
                "WSK_TAP": network.test_tap,
            }

    async def _scenario(self, words: list[str]) -> tuple[str, int]:
        """Performs a stored scenario, or its first steps, and tells the trace in words."""
        plan = _plan(words)
        case = Case(self.session, "by hand")
        try:
            await case.run(plan)
            status, end = 0, ""
        except WskConformanceError as error:
            status, end = 1, f"{error}\n"
        trace = case.evidence.trace
        told = "\n".join(lines(trace)) + "\n" if trace else "no trace came out of the guest\n"
        return told + end, status


def _plan(words: list[str]) -> Scenario:
    """The scenario that `FILE [STEPS]` names."""
    if not 1 <= len(words) <= 2 or not all(word.isdecimal() for word in words[1:]):
        raise UsageError("usage: scenario FILE [STEPS]; results/*/scenarios has such files")
    try:
        plan = decode(Path(words[0]).read_bytes())
    except OSError as error:
        raise UsageError(f"{words[0]}: {error.strerror}") from None
    return first(plan, int(words[1])) if words[1:] else plan


async def _in_guest(guest: RunningGuest, words: list[str]) -> tuple[str, int]:
    if not words:
        raise UsageError("usage: guest COMMAND [WORD]...; it is run inside the guest")
    done = await guest.connection.exec(" ".join(words), limit=_COMMAND_LIMIT_S)
    return (done.stdout + done.stderr).decode(errors="replace"), done.status


def _write_program(path: Path, name: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {lab_client.__name__} {name} "$@"\n')
    path.chmod(0o700)
