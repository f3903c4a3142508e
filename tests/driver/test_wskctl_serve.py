# SPDX-License-Identifier: Apache-2.0
"""`wskctl serve`, the program itself: input that is no request is named, and ends it with 1."""

import os
import pty
import subprocess
import tty
import zlib
from pathlib import Path

import pytest
from control_frames import HEADER, HELLO, MAGIC, VERSION, frame

from harness.core.abi import abi
from harness.guest.frames import FrameKind

WSKCTL = Path(__file__).resolve().parents[2] / "build" / "guest_driver" / "wskctl"
LIMIT_S = 30


def serve(sent: bytes) -> tuple[int, bytes, str]:
    """Exit status, what was answered after hello, and what was said on standard error."""
    done = subprocess.run([WSKCTL, "serve"], input=sent, capture_output=True, timeout=LIMIT_S, check=False)
    assert done.stdout.startswith(HELLO)
    return done.returncode, done.stdout[len(HELLO) :], done.stderr.decode()


def broken(answer: bytes) -> str:
    """The text of the one frame that says what was wrong."""
    _, _, kind, _, _, length, _ = HEADER.unpack(answer[: HEADER.size])
    assert (kind, len(answer)) == (FrameKind.BROKEN, HEADER.size + length)
    text = answer[HEADER.size :]
    assert answer == frame(FrameKind.BROKEN, 0, text)
    return text.decode()


def damaged(whole: bytes, place: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


REQUEST = frame(FrameKind.RUN, 1, b"some scenario")
TOO_LONG = HEADER.pack(MAGIC, VERSION, FrameKind.RUN, 1, 0, abi.WSKTEST_MAX_FRAME + 1, 0)
OLDER = HEADER.pack(MAGIC, VERSION - 1, FrameKind.RUN, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: guest\r\n\r\n", "no frame", id="garbage"),
        pytest.param(damaged(REQUEST, 30), "lost or damaged: the checksum", id="damaged payload"),
        pytest.param(damaged(REQUEST, 9), "lost or damaged: the checksum", id="damaged header"),
        pytest.param(REQUEST[:-4], "only 9 of a frame's 13", id="cut in the payload"),
        pytest.param(REQUEST[:10], "only 10 of the 24 of a frame's header", id="cut in the header"),
        pytest.param(
            REQUEST[:28] + REQUEST[30:] + REQUEST, "lost or damaged: the checksum", id="two bytes lost"
        ),
        pytest.param(TOO_LONG, "more than the", id="too long"),
        pytest.param(OLDER, "install the driver again", id="another version"),
    ],
)
def test_what_is_no_request_is_named_and_ends_with_1(sent: bytes, why: str) -> None:
    status, answer, said = serve(sent)
    assert status == 1
    assert why in broken(answer)
    assert said == f"wskctl: {broken(answer)}\n"


def test_the_end_of_the_stream_is_no_failure() -> None:
    assert serve(b"") == (0, b"", "")


def test_requests_before_the_end_are_answered() -> None:
    status, answer, said = serve(frame(FrameKind.CLOCK, 7) + frame(99, 8))
    assert (status, said) == (0, "")
    first, second = answer[: HEADER.size], answer[HEADER.size :]
    assert HEADER.unpack(first)[2:4] == (FrameKind.CLOCK, 7)
    assert HEADER.unpack(second)[2:4] == (99, 8)
    assert zlib.crc32(first[:-4] + bytes(4)) == HEADER.unpack(first)[6]


def test_a_serial_port_that_loses_the_rest_of_a_request_is_not_waited_for_for_ever() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    tty.setraw(theirs)
    program = subprocess.Popen([WSKCTL, "serve", os.ttyname(theirs)], stderr=subprocess.PIPE)
    try:
        assert os.read(ours, len(HELLO)) == HELLO
        os.write(ours, REQUEST[:-4])
        _, said = program.communicate(timeout=LIMIT_S)
        assert program.returncode == 1
        assert b"bytes were lost: only 9 of a frame's 13 came" in said
        assert "bytes were lost" in broken(os.read(ours, 4096))
    finally:
        program.kill()
        program.wait()
        os.close(ours)
        os.close(theirs)
