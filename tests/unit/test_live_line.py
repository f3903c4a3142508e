# SPDX-License-Identifier: Apache-2.0
"""A live line keeps messages above it, and does not fill a log."""

import threading

import pytest

from harness.core import live_line
from harness.core.live_line import LiveLine


class Output:
    """The text written; `drawn` is set once there was some."""

    def __init__(self) -> None:
        self.text = ""
        self.drawn = threading.Event()

    def write(self, text: str) -> None:
        self.text += text
        self.drawn.set()


def test_on_a_terminal_the_line_is_there_at_once_and_goes_at_the_end() -> None:
    output = Output()
    live = LiveLine(output.write, lambda: "3/9", terminal=True)
    live.start()
    assert output.drawn.wait(60)
    live.say("hung: a case")
    live.stop()
    assert output.text.startswith("\r\x1b[K3/9")
    assert "\r\x1b[Khung: a case\n" in output.text
    assert output.text.endswith("\r\x1b[K")


def test_a_line_that_is_too_long_is_cut_so_that_it_is_never_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    output = Output()
    live = LiveLine(output.write, lambda: "x" * 50, terminal=True)
    live.start()
    assert output.drawn.wait(60)
    live.stop()
    assert output.text.count("x") == 19 * (output.text.count("\x1b[K") - 1)


def test_a_log_has_whole_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_line, "_LOG_EVERY_S", 0.01)
    output = Output()
    live = LiveLine(output.write, lambda: "3/9", terminal=False)
    live.start()
    assert output.drawn.wait(60)
    live.say("cell a: begins")
    live.stop()
    assert "\x1b" not in output.text
    assert set(output.text.splitlines()) == {"3/9", "cell a: begins"}


def test_what_never_began_leaves_nothing() -> None:
    output = Output()
    LiveLine(output.write, lambda: "3/9", terminal=True).stop()
    assert output.text == ""
