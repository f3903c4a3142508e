# SPDX-License-Identifier: Apache-2.0
"""The client of `wskctl serve`, against servers that behave and servers that do not."""

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest
from control_frames import HEADER, HELLO, MAGIC, VERSION, frame, receive

from harness.core.abi import abi
from harness.core.errors import ChannelLost, GuestHung, GuestSilent, HarnessError
from harness.guest.control import ControlClient, Heartbeat
from harness.guest.frames import FrameKind
from harness.guest.serial import PortStream

Server = Callable[[socket.socket], None]


class SocketStream:
    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def read(self, size: int) -> bytes:
        try:
            return self._end.recv(size)
        except OSError as error:
            raise ChannelLost(str(error)) from error

    def write(self, data: bytes) -> None:
        try:
            self._end.sendall(data)
        except OSError as error:
            raise ChannelLost(str(error)) from error

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)


def against(server: Server, client: Callable[[ControlClient], object]) -> None:
    """Run the coroutine function `client` with a control that is connected to `server`."""
    ours, theirs = socket.socketpair()
    worker = threading.Thread(target=server, args=(theirs,), daemon=True)
    worker.start()

    async def main() -> None:
        control = await ControlClient.open(SocketStream(ours), limit=2)
        try:
            await client(control)  # type: ignore[misc]
        finally:
            control.close()

    try:
        asyncio.run(main())
    finally:
        theirs.close()
        worker.join(5)
        ours.close()
    assert not worker.is_alive()


def test_answers_find_their_requests_in_any_order() -> None:
    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        requests = [receive(end) for _ in range(3)]
        for kind, number, payload in reversed(requests):
            end.sendall(frame(kind, number, payload.upper(), status=7))

    async def client(control: ControlClient) -> None:
        replies = await asyncio.gather(*(control.run(text, 2) for text in (b"a", b"b", b"c")))
        assert [reply.payload for reply in replies] == [b"A", b"B", b"C"]
        assert all(reply.status == 7 and reply.sent_ns <= reply.received_ns for reply in replies)

    against(server, client)


def test_clock_and_info_are_decoded() -> None:
    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        for payload in (struct.pack("<QQ", 5, 1000), b"abi=1\nhost=linux = 6\nnonsense\n"):
            kind, number, _ = receive(end)
            end.sendall(frame(kind, number, payload))

    async def client(control: ControlClient) -> None:
        clock = await control.clock()
        assert (clock.qpc, clock.qpc_frequency) == (5, 1000)
        assert await control.info() == {"abi": "1", "host": "linux = 6"}

    against(server, client)


def test_a_late_answer_is_hung_and_does_not_disturb_the_next() -> None:
    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        late = receive(end)
        kind, number, payload = receive(end)
        end.sendall(frame(late[0], late[1]) + frame(kind, number, payload))

    async def client(control: ControlClient) -> None:
        with pytest.raises(GuestHung, match=r"0\.05 s"):
            await control.run(b"slow", 0.05)
        assert (await control.run(b"next", 2)).payload == b"next"

    against(server, client)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"\0" * HEADER.size, id="no magic"),
        pytest.param(HEADER.pack(MAGIC, VERSION, 2, 1, 0, abi.WSKTEST_MAX_FRAME + 1, 0), id="too long"),
        pytest.param(HEADER.pack(MAGIC, VERSION, 2, 1, 0, 100, 0) + b"short", id="cut in the payload"),
        pytest.param(HEADER.pack(MAGIC, VERSION, 2, 1, 0, 0, 0)[:10], id="cut in the header"),
        pytest.param(frame(FrameKind.RUN, 9), id="answer to nobody"),
        pytest.param(frame(FrameKind.CLOCK, 1), id="wrong kind"),
        pytest.param(b"", id="end"),
    ],
)
def test_a_broken_stream_fails_everyone_who_waits(answer: bytes) -> None:
    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        receive(end)
        receive(end)
        end.sendall(answer)
        end.shutdown(socket.SHUT_WR)

    async def client(control: ControlClient) -> None:
        results = await asyncio.gather(control.run(b"1", 2), control.run(b"2", 2), return_exceptions=True)
        assert [type(result) for result in results] == [ChannelLost, ChannelLost]
        with pytest.raises(ChannelLost):
            await control.info()

    against(server, client)


@pytest.mark.parametrize("greeting", [frame(FrameKind.INFO, 0), frame(FrameKind.HELLO, 0, b"x"), b""])
def test_a_server_that_does_not_say_hello_is_refused(greeting: bytes) -> None:
    def server(end: socket.socket) -> None:
        end.sendall(greeting)
        end.shutdown(socket.SHUT_WR)

    async def client(control: ControlClient) -> None:
        raise AssertionError("connected")

    with pytest.raises(ChannelLost):
        against(server, client)


def test_a_silent_server_is_hung() -> None:
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(GuestHung):
        asyncio.run(ControlClient.open(SocketStream(ours), limit=0.05))
    ours.close()


def test_a_status_that_is_no_success_is_an_error_of_the_request() -> None:
    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        kind, number, _ = receive(end)
        end.sendall(frame(kind, number, status=0xC0000001))

    async def client(control: ControlClient) -> None:
        with pytest.raises(HarnessError, match="0xc0000001"):
            await control.clock()

    against(server, client)


def test_a_guest_that_misses_a_heartbeat_is_not_waited_for_any_longer() -> None:
    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        assert receive(end)[0] == FrameKind.RUN
        for _ in range(2):
            kind, number, _ = receive(end)
            assert kind == FrameKind.CLOCK
            end.sendall(frame(kind, number, struct.pack("<QQ", 5, 1000)))
        assert receive(end)[0] == FrameKind.CLOCK

    async def client(control: ControlClient) -> None:
        control.heartbeat = Heartbeat(every_s=0.01, limit_s=0.3)
        with pytest.raises(GuestSilent, match=r"no sign of life within 0\.3 s"):
            await control.run(b"endless", 60)

    against(server, client)


def test_an_answer_counts_although_a_heartbeat_is_missing() -> None:
    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        kind, number, payload = receive(end)
        receive(end)
        end.sendall(frame(kind, number, payload))

    async def client(control: ControlClient) -> None:
        control.heartbeat = Heartbeat(every_s=0.01, limit_s=30)
        assert (await control.run(b"slow", 60)).payload == b"slow"

    against(server, client)


def lost_by(answer: Callable[[int, int], bytes], limit: float = 2) -> str:
    """The error of a request whose answer, made of its kind and number, comes as these bytes."""
    told: list[str] = []

    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        kind, number, _ = receive(end)
        end.sendall(answer(kind, number))

    async def client(control: ControlClient) -> None:
        with pytest.raises(ChannelLost) as lost:
            await control.run(b"scenario", limit)
        told.append(str(lost.value))

    against(server, client)
    return told[0]


def test_a_byte_that_was_damaged_is_named() -> None:
    def damaged(kind: int, number: int) -> bytes:
        whole = bytearray(frame(kind, number, b"a trace of some bytes"))
        whole[-3] ^= 1
        return bytes(whole)

    assert "bytes were lost or damaged" in lost_by(damaged)


def test_bytes_that_were_lost_within_an_answer_are_named() -> None:
    def shortened(kind: int, number: int) -> bytes:
        whole = frame(kind, number, b"a trace of some bytes")
        return whole[:30] + whole[32:] + frame(FrameKind.CLOCK, number)

    assert "bytes were lost or damaged" in lost_by(shortened)


def test_an_answer_that_stops_half_way_is_lost_and_no_hang_of_the_guest() -> None:
    said = lost_by(lambda kind, number: frame(kind, number, bytes(100))[:50], limit=0.3)
    assert "only 50 of a frame's 124 bytes came" in said


def trickle(end: socket.socket, data: bytes, seconds: float) -> None:
    """Sends it in twenty pieces over so much time."""
    size = len(data) // 20 + 1
    for start in range(0, len(data), size):
        end.sendall(data[start : start + size])
        time.sleep(seconds / 20)


def test_an_answer_that_is_arriving_is_waited_for_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """WinRM takes more than a limit for a long trace; and a heartbeat does not get past it."""
    trace = bytes(range(256)) * 400

    def server(end: socket.socket) -> None:
        end.sendall(HELLO)
        kind, number, _ = receive(end)
        trickle(end, frame(kind, number, trace), 3.0)
        with contextlib.suppress(struct.error, OSError):  # the client ends
            while True:
                kind, number, _ = receive(end)
                end.sendall(frame(kind, number, bytes(16)))

    async def client(control: ControlClient) -> None:
        control.heartbeat = Heartbeat(every_s=0.2, limit_s=0.5)
        assert (await control.run(b"plan", 1.0)).payload == trace

    monkeypatch.setattr("harness.guest.control._GROWTH_POLL_S", 0.05)
    against(server, client)


def test_frames_of_another_version_ask_for_another_installation() -> None:
    def other_version(kind: int, number: int) -> bytes:
        return HEADER.pack(MAGIC, VERSION - 1, kind, number, 0, 0, 0)

    assert "install the driver again" in lost_by(other_version)


def test_what_wskctl_says_was_wrong_is_passed_on() -> None:
    said = lost_by(lambda *_: frame(FrameKind.BROKEN, 0, b"bytes were lost: only 3 of a frame's 9 came"))
    assert said == "wskctl gave up: bytes were lost: only 3 of a frame's 9 came"


def test_a_serial_port_is_written_to_no_faster_than_its_line() -> None:
    ours, theirs = socket.socketpair()
    line_speed, size = 9600, 200
    with ours, theirs:
        begun = time.monotonic()
        PortStream(ours, line_speed).write(bytes(size))
        took = time.monotonic() - begun
        assert theirs.recv(2 * size, socket.MSG_DONTWAIT) == bytes(size)
    assert took >= size * 10 / line_speed
