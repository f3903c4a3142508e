# SPDX-License-Identifier: Apache-2.0
"""One run in a process of its own, and what it left in its folder."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.signals import LIMIT
from harness.nightly.plan import RunOrder
from harness.report.record import RUN_FILE, load_run
from harness.run.processes import Process, RunProcesses, end
from harness.verdict.attempts import CUT_SHORT, LOST
from harness.verdict.outcome import Outcome

BASELINES = "baselines"  # folder of an attempt: its own, which it may add to
_SAID = "said.log"
_GUEST_FAILED = 1
_NOT_WHOLE = 3
_ENDS = (0, 1, 2, _NOT_WHOLE)
_LONGEST_WHY = 300


@dataclass(frozen=True)
class Ended:
    """The end of an attempt: the exit status of its run, LOST or CUT_SHORT, and what went wrong."""

    exit_status: int
    seconds: float
    why: str = ""


class Runs:
    """The runs of this process; `stop` ends them all, and those that are asked for later."""

    def __init__(self) -> None:
        self._processes = RunProcesses()

    def perform(
        self,
        order: RunOrder,
        folder: Path,
        baselines: Mapping[str, bytes],
        counted: Callable[[int], None],
        image: Path | None = None,
    ) -> Ended:
        """Performs it with its results in `folder`; `counted` hears how many cases are over.

        Raises HarnessError when the folder or the process cannot be made.
        """
        began = time.monotonic()
        arguments = [*order.arguments, *order.kept_in(folder, folder / BASELINES)]
        environment = {"WSK_REFERENCE_IMAGE": str(image)} if image else {}
        overdue = threading.Event()
        try:
            _write_all(folder / BASELINES, baselines)
            with (
                (folder / _SAID).open("w") as said,
                self._processes.started(arguments, said=said, environment=environment) as process,
            ):
                status = _wait(process, order.limit_s, overdue, counted)
        except OSError as error:
            raise HarnessError(f"cannot begin a run in {folder}: {error.strerror}") from None
        seconds = round(time.monotonic() - began, 3)
        if overdue.is_set():
            return Ended(CUT_SHORT, seconds, f"it was ended at its limit of {order.limit_s / 60:.0f} minutes")
        return self._judge(status, seconds, folder)

    def stop(self) -> None:
        """Ends what runs, each with its guests; takes half a minute at most."""
        self._processes.stop()

    def _judge(self, status: int, seconds: float, folder: Path) -> Ended:
        why = _last_words(folder / _SAID)
        if status == _GUEST_FAILED and not _has_failure(folder):  # Python's own status for a traceback
            return Ended(_NOT_WHOLE, seconds, f"the run broke without a case that failed: {why}")
        if status in _ENDS:
            return Ended(status, seconds, why if status in (2, _NOT_WHOLE) else "")
        if self._processes.stopped:
            return Ended(LOST, seconds, "it was interrupted")
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return Ended(LOST, seconds, f"its process ended unasked, {how}" + (f": {why}" if why else ""))


def run_in(folder: Path) -> Path | None:
    """The folder of the run that an attempt left, if it left a run.json."""
    found = [file.parent for file in folder.glob(f"*/{RUN_FILE}") if not file.parent.is_symlink()]
    return max(found, default=None)


def _has_failure(folder: Path) -> bool:
    run = run_in(folder)
    try:
        cases = load_run(run)["cases"] if run else []
        return any(Outcome(case["outcome"]).fails for case in cases)
    except (UsageError, ValueError):
        return False


def _is_case(line: str) -> bool:
    try:
        told = json.loads(line)
    except ValueError:  # a test that prints
        return False
    return isinstance(told, dict) and "case" in told


def _wait(process: Process, limit_s: float, overdue: threading.Event, counted: Callable[[int], None]) -> int:
    """Waits for the end, which comes at the limit; then it is `overdue`. Returns the exit status."""

    def end_it() -> None:
        overdue.set()
        end(process, LIMIT)

    limit = threading.Timer(limit_s, end_it)
    limit.start()
    try:
        for number, _ in enumerate(filter(_is_case, process.stdout or ()), 1):
            counted(number)
        return process.wait()
    finally:
        limit.cancel()


def _last_words(said: Path) -> str:
    """The last lines that a run wrote, from where it names itself; an empty file is deleted."""
    text = said.read_text(errors="replace").strip()
    if not text:
        said.unlink()
        return ""
    _, mark, after = text.rpartition("wsk-conformance: ")
    words = after if mark else text.splitlines()[-1]
    return " ".join(words.split())[:_LONGEST_WHY]


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def read_all(folder: Path) -> dict[str, bytes]:
    """The files of a folder of baselines; none when there is no such folder. Raises HarnessError."""
    try:
        files: Iterable[Path] = sorted(folder.glob("*.toml"))
        return {file.name: file.read_bytes() for file in files}
    except OSError as error:
        raise HarnessError(f"cannot read the baselines in {folder}: {error.strerror}") from None
