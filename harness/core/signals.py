# SPDX-License-Identifier: Apache-2.0
"""Signals that ask a process to end: it does so in order, as after Ctrl-C."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from harness.core.errors import Terminated

# A CI system's cancel, a terminal that goes away, and a limit that was reached: the kernel's for
# CPU time, or a night's for a whole run.
LIMIT = signal.SIGXCPU
_TERMINATING = (signal.SIGTERM, signal.SIGHUP, LIMIT)
_AGAIN_S = 0.05

_received: list[signal.Signals] = []


def take_signals() -> None:
    """Makes the first of them raise Terminated from now on; those that follow change nothing.

    What our parent had us ignore (nohup) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _TERMINATING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    if not isinstance(sys.unraisablehook, _Unraisable):
        sys.unraisablehook = _Unraisable(sys.unraisablehook)


def raise_if_terminated() -> None:
    """For where somebody else has caught what a signal raised: raises it again."""
    if _received:
        raise Terminated(_received[0].name)


def _terminated(number: int, _frame: FrameType | None) -> None:
    for each in _TERMINATING:
        signal.signal(each, signal.SIG_IGN)
    _received.append(signal.Signals(number))
    raise_if_terminated()


class _Unraisable:
    """A signal that met a finalizer or a callback from C, which cannot raise, comes once more soon."""

    def __init__(self, otherwise: Any) -> None:
        self._otherwise = otherwise

    def __call__(self, unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Terminated):
            self._otherwise(unraisable)
            return
        number = _received.pop()
        signal.signal(number, _terminated)
        timer = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
        timer.daemon = True
        timer.start()
