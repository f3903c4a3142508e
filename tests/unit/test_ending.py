# SPDX-License-Identifier: Apache-2.0
"""A command ends with a documented status and a line, whatever happens in it."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conformance import BIN
from runs import case, record

from harness.cli import ending
from harness.core.errors import EvidenceLost, UsageError

PROGRAM = BIN / "wsk-conformance"


def ended(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    def command() -> None:
        raise error

    status = ending.run(command)
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("no such thing"), 2, "wsk-conformance: no such thing"),
        (EvidenceLost("it went"), 3, "wsk-conformance: it went"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 2, "cannot use /root/x: Permission"),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "no space left"),
        (OSError(errno.EMFILE, "Too many open files"), 3, "too few files may be open at once"),
        (OSError(errno.EFBIG, "File too large"), 3, "raise the limit (`ulimit -f unlimited`)"),
        (MemoryError(), 3, "no memory left"),
        (UsageError("a \x1b[31mred\x1b[0m name"), 2, "a \N{REPLACEMENT CHARACTER}[31mred"),
        (SystemExit(1), 1, ""),
        (SystemExit("a text"), 3, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_ends_a_command_is_a_line_and_a_status(
    error: BaseException, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, said = ended(error, capsys)
    assert seen == status
    assert line in said
    assert len(said.splitlines()) == bool(line)


@pytest.mark.parametrize("error", [KeyError("workers"), RecursionError("too deep")])
def test_what_nobody_thought_of_is_never_counted_against_the_guest(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = ended(error, capsys)
    assert status == 3
    (line,) = said.splitlines()
    assert line.startswith("wsk-conformance: an error of the harness itself, not of the guest: ")
    details = Path(line.rpartition("details: ")[2])
    assert "Traceback" in details.read_text()
    details.unlink()


@pytest.mark.parametrize("command", [["requirements"], ["requirements", "--json"], ["run", "--list"]])
def test_a_reader_that_has_seen_enough_is_no_trouble(command: list[str]) -> None:
    with subprocess.Popen(
        [PROGRAM, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_an_output_without_room_is_said_and_not_a_success() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "requirements"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (
        2,
        "wsk-conformance: cannot write the output: No space left on device\n",
    )


def test_a_report_that_may_not_be_as_large_as_it_is_leaves_the_old_one(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case())
    (run.folder / "report.html").write_text("the old one")
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 1; {PROGRAM} report {run.folder}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "ulimit -f" in done.stderr
    assert (run.folder / "report.html").read_text() == "the old one"


def test_a_signal_ends_the_build_of_the_guest_s_image_too(tmp_path: Path) -> None:
    (tmp_path / "build.py").write_text("import time; time.sleep(60)")
    program = f"""
        import os, sys, threading
        from pathlib import Path
        from harness.cli import ending
        from harness.guest import reference

        def command():
            reference._BUILD = Path({str(tmp_path / "build.py")!r})
            threading.Timer(0.5, os.kill, (os.getpid(), {int(signal.SIGTERM)})).start()
            reference.ReferenceGuest().prepare(print)

        sys.exit(ending.run(command))
    """
    environment = {name: value for name, value in os.environ.items() if name != "WSK_REFERENCE_IMAGE"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (3, "wsk-conformance: ended by SIGTERM\n")


def test_closed_streams_are_no_trouble() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{PROGRAM} requirements <&- >&- 2>&-"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_in_order(number: signal.Signals) -> None:
    program = f"""
        import os, sys, time
        from harness.cli import ending

        def command():
            os.kill(os.getpid(), {int(number)})
            time.sleep(10)

        sys.exit(ending.run(command))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    assert (done.returncode, done.stderr) == (3, f"wsk-conformance: ended by {number.name}\n")


CAUGHT = {
    "by pytest, which collects": """
        from harness.pytest_plugin import collection

        class Sender:
            def __init__(self):
                self.interrupt = None
                self.cases = {}
            def pytest_collectstart(self):
                os.kill(os.getpid(), NUMBER)
            pytest_keyboard_interrupt = collection._Collected.pytest_keyboard_interrupt

        collection._Collected = Sender
        collection.rows_and_cases()
    """,
    "by a finalizer": """
        class Finalized:
            def __del__(self):
                os.kill(os.getpid(), NUMBER)

        Finalized()
        time.sleep(10)
    """,
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("caught", CAUGHT)
def test_a_signal_that_others_catch_ends_the_command_all_the_same(
    caught: str, number: signal.Signals
) -> None:
    program = "import os, sys, time\nfrom harness.cli import ending\ndef command():\n"
    program += textwrap.indent(textwrap.dedent(CAUGHT[caught]), "    ") + "\nsys.exit(ending.run(command))"
    done = subprocess.run(
        [sys.executable, "-c", program.replace("NUMBER", str(int(number)))],
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )
    assert (done.returncode, done.stderr) == (3, f"wsk-conformance: ended by {number.name}\n")
