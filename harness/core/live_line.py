# SPDX-License-Identifier: Apache-2.0
"""Shows a user how something that takes long goes on: a line on a terminal that is drawn again and again."""

import shutil
import threading
from collections.abc import Callable

_EVERY_S = 0.5
_LOG_EVERY_S = 60.0
_CLEAR = "\r\x1b[K"


class LiveLine:
    """The last line of the terminal; messages stay above it. Any thread may write one.

    In a log, where there is no terminal, the same line is written once a minute.
    """

    def __init__(self, write: Callable[[str], object], line: Callable[[], str], *, terminal: bool) -> None:
        """`write` puts out text at once; `line` is what there is to show now."""
        self._write = write
        self._line = line
        self._terminal = terminal
        self._lock = threading.Lock()  # of the output
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="live line", daemon=True)

    def start(self) -> None:
        """Again is harmless."""
        if not self._thread.ident:
            self._thread.start()

    def say(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            self._write(f"{_CLEAR * self._terminal}{text}\n")

    def stop(self) -> None:
        """Takes the line away; harmless when it was never started."""
        self._end.set()
        if self._thread.ident:
            self._thread.join()
            if self._terminal:
                self._write(_CLEAR)

    def _refresh(self) -> None:
        """A terminal's first line comes at once; the last column stays free, so that no line is wrapped."""
        while not (self._end.is_set() if self._terminal else self._end.wait(_LOG_EVERY_S)):
            text = self._line()
            with self._lock:
                if self._terminal:
                    self._write(_CLEAR + text[: shutil.get_terminal_size().columns - 1])
                else:
                    self._write(f"{text}\n")
            if self._terminal:
                self._end.wait(_EVERY_S)
