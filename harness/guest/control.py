# SPDX-License-Identifier: Apache-2.0
"""Talks to `wskctl serve` in the guest: requests and answers in frames (harness.guest.frames).

Many requests may be under way; an answer finds its request by number. What
arrives is not trusted: the first wrong byte ends the connection.
"""

import asyncio
import contextlib
import itertools
import logging
import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, NoReturn, Protocol

from harness.core.abi import abi
from harness.core.errors import ChannelLost, GuestHung, GuestSilent, HarnessError
from harness.guest import frames
from harness.guest.frames import ControlFrame, FrameKind, FrameReader
from harness.scenario import Address

_log = logging.getLogger(__name__)


_REQUEST_LIMIT_S = 15.0
_GROWTH_LIMIT_S = 15.0  # between two pieces of a frame
_GROWTH_POLL_S = 0.5
_HEARTBEAT_S = 10.0
_HEARTBEAT_LIMIT_S = 20.0
NO_PORT = 0


class ByteStream(Protocol):
    """Any way to a running `wskctl serve`. Methods block; `close` ends a `read` in another thread."""

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes; empty at the end."""

    def write(self, data: bytes) -> None:
        """All of `data`. Raises ChannelLost or OSError."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True)
class Reply:
    """An answer: `status` is the NTSTATUS of the device control.

    `sent_ns` was read from the host's wall clock just before the request was
    written, `received_ns` just after the answer's header had arrived.
    """

    payload: bytes
    status: int
    sent_ns: int
    received_ns: int


@dataclass(frozen=True)
class ClockReading:
    """The guest's performance counter, read at some moment between `sent_ns` and `received_ns`."""

    qpc: int
    qpc_frequency: int
    sent_ns: int
    received_ns: int


@dataclass(frozen=True)
class Heartbeat:
    """While a scenario runs the guest is asked for its clock every so many seconds, and must answer."""

    every_s: float = _HEARTBEAT_S
    limit_s: float = _HEARTBEAT_LIMIT_S


@dataclass
class _Request:
    """A frame for the writer, which notes when it began to write it."""

    frame: bytes
    sent_ns: int = 0


@dataclass(frozen=True)
class _Answer:
    frame: ControlFrame
    received_ns: int


class ControlClient:
    """The client of one serve process; made by `open`."""

    def __init__(self, stream: ByteStream) -> None:
        self.heartbeat = Heartbeat()
        self._stream = stream
        self._frames = FrameReader(stream.read)
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._issued = 0
        self._waiting: dict[int, asyncio.Future[_Answer]] = {}
        self._hello: asyncio.Future[None] = self._loop.create_future()
        self._broken: ChannelLost | None = None
        self._outgoing: SimpleQueue[_Request | None] = SimpleQueue()  # None: the last has been written
        self._writer = threading.Thread(target=self._write_frames, name="control writer", daemon=True)
        self._reader = threading.Thread(target=self._read_frames, name="control reader", daemon=True)

    @classmethod
    async def open(cls, stream: ByteStream, limit: float = _REQUEST_LIMIT_S) -> "ControlClient":
        """A client whose server has said hello. Raises ChannelLost, or GuestHung after `limit` seconds."""
        control = cls(stream)
        control._reader.start()
        control._writer.start()
        try:
            async with asyncio.timeout(limit):
                await control._hello
        except BaseException as error:
            control.close()
            if isinstance(error, TimeoutError):
                raise control._silence(f"wskctl serve said nothing within {limit:.0f} s") from None
            raise
        return control

    async def run(self, scenario: bytes, limit: float) -> Reply:
        """Have the driver perform an encoded scenario; the reply's payload is the trace.

        Raises GuestHung when no reply comes within `limit` seconds, and
        GuestSilent as soon as the guest misses a heartbeat.
        """
        answer = asyncio.ensure_future(self._request(FrameKind.RUN, scenario, limit))
        life = asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait([answer, life], return_when=asyncio.FIRST_COMPLETED)
            return await (answer if answer.done() else life)
        finally:
            answer.cancel()
            life.cancel()
            await asyncio.gather(answer, life, return_exceptions=True)

    async def _watch(self) -> NoReturn:
        while True:
            await asyncio.sleep(self.heartbeat.every_s)
            try:
                await self.clock(self.heartbeat.limit_s)
            except GuestHung:
                raise GuestSilent(
                    f"the guest stopped answering: no sign of life within {self.heartbeat.limit_s:g} s"
                ) from None

    async def clock(self, limit: float = _REQUEST_LIMIT_S) -> ClockReading:
        """Read the guest's performance counter."""
        reply = await self._request(FrameKind.CLOCK, b"", limit)
        _require_success("clock", reply)
        if len(reply.payload) != len(abi.wsktest_clock):
            raise ChannelLost(
                f"wskctl answered a clock of {len(reply.payload)} bytes; install the driver again"
            )
        clock = abi.wsktest_clock(reply.payload)
        return ClockReading(int(clock.qpc), int(clock.qpc_frequency), reply.sent_ns, reply.received_ns)

    async def info(self) -> dict[str, str]:
        """Facts that driver and guest tell of themselves."""
        reply = await self._request(FrameKind.INFO, b"", _REQUEST_LIMIT_S)
        _require_success("info", reply)
        lines = reply.payload.decode(errors="replace").splitlines()
        return {key: value for key, mark, value in (line.partition("=") for line in lines) if mark}

    async def set_address(self, address: Address, *, beside: str, present: bool) -> None:
        """Give the guest an address, on the interface that has `beside`, or take it away.

        Only sockets that are bound to it use it. Raises HarnessError when the guest cannot do it.
        """
        change = abi.wsktest_address_change(
            beside=Address(address.family, beside, NO_PORT).encoded(),
            address=address.encoded(),
            present=int(present),
        )
        reply = await self._request(FrameKind.ADDRESS, change.dumps(), _REQUEST_LIMIT_S)
        _require_success("address", reply)

    def close(self) -> None:
        """End the connection; requests under way fail with ChannelLost."""
        self._fail(ChannelLost("the connection to wskctl was closed"))
        self._stream.close()
        self._outgoing.put(None)

    async def _request(self, kind: int, payload: bytes, limit: float) -> Reply:
        if self._broken is not None:
            raise ChannelLost(str(self._broken))
        if len(payload) > abi.WSKTEST_MAX_FRAME:
            raise HarnessError(
                f"a request of {len(payload)} bytes is more than a frame may hold; make it smaller"
            )
        number = self._issued = next(self._numbers)
        answer: asyncio.Future[_Answer] = self._loop.create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(limit) as patience:
                request = _Request(frames.encode(kind, number, payload))
                self._outgoing.put(request)
                got = await self._arrived(answer, patience)
                _log.debug("request %d, %s of %d bytes: answered", number, FrameKind(kind).name, len(payload))
        except TimeoutError:
            raise self._silence(f"wskctl gave no answer within {limit:g} s") from None
        finally:
            del self._waiting[number]
        if got.frame.kind != kind:
            error = ChannelLost(f"wskctl answered a request of kind {kind} with kind {got.frame.kind}")
            self._fail(error)
            raise error
        return Reply(got.frame.payload, got.frame.status, request.sent_ns, got.received_ns)

    async def _arrived(self, answer: "asyncio.Future[_Answer]", patience: asyncio.Timeout) -> _Answer:
        """The answer. While a frame is on its way, this one or one before it, its growth is waited for.

        A long trace takes its time on a slow way, and nothing gets past it.
        """
        while not answer.done():
            await asyncio.wait([answer], timeout=_GROWTH_POLL_S)
            end = patience.when()
            if self._frames.missing and end is not None:
                left = self._frames.heard + _GROWTH_LIMIT_S - time.monotonic()
                patience.reschedule(max(end, self._loop.time() + left))
        return answer.result()

    def _silence(self, what: str) -> ChannelLost | GuestHung:
        """A guest that says nothing hangs; where an answer has begun, it is the way that lost the rest."""
        missing = self._frames.missing
        return ChannelLost(f"{what}: {missing}, the rest was lost on the way") if missing else GuestHung(what)

    # In the writer's thread.

    def _write_frames(self) -> None:
        try:
            while request := self._outgoing.get():
                request.sent_ns = time.time_ns()
                self._stream.write(request.frame)
        except (ChannelLost, OSError) as error:
            self._tell_failure(error)

    # In the reader's thread.

    def _read_frames(self) -> None:
        try:
            while True:
                header = self._frames.header()
                received_ns = time.time_ns()
                answer = _Answer(self._frames.body(header), received_ns)
                self._loop.call_soon_threadsafe(self._take, answer)
        except ChannelLost as error:
            self._tell_failure(error)

    def _tell_failure(self, error: Exception) -> None:
        """From a thread. The loop may be gone already when a lab is torn down."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._fail, ChannelLost(str(error)))

    # In the loop.

    def _take(self, answer: _Answer) -> None:
        number = answer.frame.request
        if not self._hello.done():
            if answer.frame.kind == FrameKind.HELLO and not answer.frame.payload:
                self._hello.set_result(None)
            else:
                self._fail(ChannelLost("wskctl did not begin with hello; install the same version again"))
            return
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
        elif not 0 < number <= self._issued:
            self._fail(ChannelLost(f"wskctl answered request {number}, which nobody made"))
        # Otherwise the request's limit has passed: the answer comes too late.

    def _fail(self, error: ChannelLost) -> None:
        if self._broken is not None:
            return
        self._broken = error
        self._stream.close()
        everyone: list[asyncio.Future[Any]] = [self._hello, *self._waiting.values()]
        for waiting in everyone:
            if not waiting.done():
                waiting.set_exception(ChannelLost(str(error)))


def _require_success(request: str, reply: Reply) -> None:
    if reply.status != 0:
        raise HarnessError(
            f"wskctl answered {request} with status {reply.status:#010x}; see the guest's serial log"
        )
