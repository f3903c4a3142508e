# SPDX-License-Identifier: Apache-2.0
"""Runs in processes of their own: a process can have one lab.

When this process is killed its runs are too, by the kernel; what they had in
their labs then ends as it does when any lab dies (harness/lab/watchdog.py).
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from harness.core.errors import HarnessError

Process = subprocess.Popen[str]

# A run must hear SIGINT, also where whoever started us ignores it. SIGKILL when we are gone, and not SIGINT:
# the kernel sends it for each of our threads, and a second Ctrl-C would disturb what the first had begun.
_WRAPPED = ("env", "--default-signal=INT", "setpriv", "--pdeathsig", "KILL")
_END_LIMIT_S = 30.0  # for a run that was told to end


class RunProcesses:
    """Any number side by side, from any thread."""

    def __init__(self) -> None:
        self._running: set[Process] = set()
        self._lock = threading.Lock()
        self.stopped = False

    @contextlib.contextmanager
    def started(
        self, arguments: Sequence[str], *, said: IO[str], environment: Mapping[str, str] | None = None
    ) -> Iterator[Process]:
        """`wsk-conformance` with these arguments; its stdout is the process's, its stderr goes into `said`.

        It is ended when its user leaves it by an exception. Raises OSError when it cannot be started,
        HarnessError after `stop`.
        """
        with self._lock:
            if self.stopped:
                raise HarnessError("all runs were stopped before this one began")
            process = subprocess.Popen(
                [*_WRAPPED, sys.executable, "-m", "harness", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C is ours to pass on
            )
            self._running.add(process)
        try:
            yield process
        except BaseException:  # a signal, which met who waits for it
            end(process)
            raise
        finally:
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """End all processes with their guests, and refuse to start others.

        Takes half a minute at most.
        """
        with self._lock:
            self.stopped = True
            running = list(self._running)
        enders = [threading.Thread(target=end, args=(process,)) for process in running]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()


def end(process: Process, by: int = signal.SIGINT) -> None:
    """Ends the process by a signal, of which it ends in order; kills it when it does not."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(by)
        try:
            process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()  # the watchdog of its lab ends what it leaves
