# SPDX-License-Identifier: Apache-2.0
"""The client of `wskctl serve`, against servers that behave and servers that do not."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable

import pytest
from control_frames import HEADER, HELLO, MAGIC, frame, receive

from harness.core.abi import abi
from harness.core.errors import ChannelLost, GuestHung, GuestSilent, HarnessError
from harness.guest.control import ControlClient, FrameKind, Heartbeat

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
        pytest.param(HEADER.pack(MAGIC, 2, 1, 0, abi.WSKTEST_MAX_FRAME + 1, 0), id="too long"),
        pytest.param(HEADER.pack(MAGIC, 2, 1, 0, 100, 0) + b"short", id="cut in the payload"),
        pytest.param(HEADER.pack(MAGIC, 2, 1, 0, 0, 0)[:10], id="cut in the header"),
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
