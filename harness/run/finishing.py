# SPDX-License-Identifier: Apache-2.0
"""The end of a run, while its labs end and its results are written: one signal does not disturb it."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from harness.core.signals import LIMIT

_SAID = "wsk-conformance: the run is ending, and its results are being written; once more to leave that"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, LIMIT)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """The first request to end is answered with a line; each one after it raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def hear(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        with contextlib.suppress(OSError, ValueError):
            print(_SAID, file=sys.__stderr__, flush=True)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
