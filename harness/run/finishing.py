# SPDX-License-Identifier: Apache-2.0
"""The end of a run, while what it has done is written: one signal does not disturb it, a second does."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from harness.core.signals import LIMIT

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, LIMIT)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """The first request to end is answered with a line; the second raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def hear(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        print("wsk-conformance: the results are being written; once more to leave that", file=sys.__stderr__)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
