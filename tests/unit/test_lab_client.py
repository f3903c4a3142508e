# SPDX-License-Identifier: Apache-2.0
"""The programs of a lab's shell end in order, whatever becomes of their question."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LIMIT = 60  # s


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "lab"))
        listener.listen()
        listener.settimeout(LIMIT)
        yield listener


def asked(lab: socket.socket) -> tuple[subprocess.Popen[str], socket.socket]:
    """A program that has asked, and its connection."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.run.lab_client", "guest", "uptime"],
        env={**os.environ, "WSK_LAB": lab.getsockname()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    connection, _ = lab.accept()
    with connection.makefile("rb") as questions:
        assert questions.readline() == b'["guest", "uptime"]\n'
    return process, connection


def test_an_answer_is_printed_and_its_status_is_the_programs(lab: socket.socket) -> None:
    process, connection = asked(lab)
    connection.sendall(b'["up 2 s\\n", 4]\n')
    assert process.communicate(timeout=LIMIT) == ("up 2 s\n", "")
    assert process.returncode == 4
    connection.close()


def test_ctrl_c_ends_it_without_a_traceback(lab: socket.socket) -> None:
    process, connection = asked(lab)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=LIMIT) == ("", "")
    assert process.returncode == 130
    connection.close()


def test_a_lab_that_is_gone_is_said_in_a_line(lab: socket.socket) -> None:
    process, connection = asked(lab)
    connection.close()
    _, said = process.communicate(timeout=LIMIT)
    assert said.startswith("guest: the lab does not answer: ")
    assert (said.count("\n"), process.returncode) == (1, 1)
