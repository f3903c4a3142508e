# SPDX-License-Identifier: Apache-2.0
"""Signals that ask a process to end: it does so in order, as after Ctrl-C."""

import signal
import threading
from types import FrameType

from harness.core.errors import Terminated

# A CI system's cancel, a terminal that goes away, and a limit that was reached: the kernel's for
# CPU time, or a night's for a whole run.
LIMIT = signal.SIGXCPU
_TERMINATING = (signal.SIGTERM, signal.SIGHUP, LIMIT)


def take_signals() -> None:
    """Makes the first of them raise Terminated from now on; those that follow change nothing.

    What our parent had us ignore (nohup) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _TERMINATING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)


def _terminated(number: int, _frame: FrameType | None) -> None:
    for each in _TERMINATING:
        signal.signal(each, signal.SIG_IGN)
    raise Terminated(signal.Signals(number).name)
