# SPDX-License-Identifier: Apache-2.0
"""The way into a guest through its QEMU guest agent: no network, no login; commands and files.

The commands are those of QEMU's `qga/qapi-schema.json`, whatever carries them:
`Ask` sends one as JSON and returns the answer's JSON. What the agent answers is
not trusted. It cannot keep a stream open, so `wskctl` then serves a virtio port.
"""

import asyncio
import base64
import binascii
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from harness.core.errors import ChannelLost, GuestHung, HarnessError
from harness.core.printable import printable
from harness.guest.channel import ExecResult
from harness.guest.serial import PortStream

# (command, limit in whole seconds) -> answer. Raises GuestHung, ChannelLost, HarnessError.
Ask = Callable[[str, int], str]

_STEP_LIMIT_S = 15
_PING_LIMIT_S = 2
_FIRST_POLL_S, _LAST_POLL_S = 0.02, 0.5
_CHUNK_BYTES = 32 << 10  # an emulated guest takes a second to read one


class AgentChannel:
    """An agent that has answered. `port` is where QEMU offers the guest's port of the name `port_name`."""

    def __init__(self, ask: Ask, port: Path, port_name: str) -> None:
        self._tell = ask
        self._port = port
        self._port_name = port_name

    @classmethod
    async def connect(cls, ask: Ask, port: Path, port_name: str, limit: float) -> "AgentChannel":
        """Opens the channel once the agent answers. Raises GuestHung after `limit` seconds without."""
        channel = cls(ask, port, port_name)
        try:
            async with asyncio.timeout(limit):
                while not await channel._answers():
                    await asyncio.sleep(_LAST_POLL_S)
        except TimeoutError:
            raise GuestHung(
                f"the guest agent said nothing within {limit:g} s; see the guest's serial log"
            ) from None
        return channel

    async def _answers(self) -> bool:
        try:
            await self._ask("guest-ping", limit=_PING_LIMIT_S)
        except GuestHung:
            return False
        return True

    async def exec(self, command: str, *, limit: float = 30.0) -> ExecResult:
        """Run a command to its end. Raises HarnessError when it wrote more than the agent keeps."""
        process = await self._begin(command, capture=True)
        give_up, pause = time.monotonic() + limit, _FIRST_POLL_S
        while not (answer := _table(await self._ask("guest-exec-status", pid=process))).get("exited"):
            if time.monotonic() >= give_up:
                raise GuestHung(f"`{command}` did not end within {limit:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_POLL_S)
        if answer.get("out-truncated") or answer.get("err-truncated"):
            raise HarnessError(f"`{command}` wrote more than the guest agent keeps; make it say less")
        status = answer.get("exitcode", -int(answer.get("signal", 1)))
        return ExecResult(int(status), _decoded(answer, "out-data"), _decoded(answer, "err-data"))

    async def upload(self, path: str, data: bytes, *, limit: float = 60.0) -> None:
        """Write a file. Raises HarnessError when it cannot be written, or less arrived than was sent."""
        async with _within(limit, f"writing {path}"):
            handle = await self._ask("guest-file-open", path=path, mode="wb")
            for start in range(0, len(data), _CHUNK_BYTES):
                chunk = data[start : start + _CHUNK_BYTES]
                told = await self._ask("guest-file-write", **{"handle": handle, "buf-b64": _encoded(chunk)})
                if _table(told).get("count") != len(chunk):
                    raise HarnessError(f"{path} did not arrive whole in the guest: is its disk full?")
            await self._ask("guest-file-close", handle=handle)

    async def download(self, path: str, *, most: int, limit: float = 60.0) -> bytes:
        """Read a file. Raises HarnessError when it cannot be read, or is longer than `most`."""
        data = b""
        async with _within(limit, f"reading {path}"):
            handle = await self._ask("guest-file-open", path=path, mode="rb")
            while len(data) <= most:
                told = _table(await self._ask("guest-file-read", handle=handle, count=_CHUNK_BYTES))
                data += _decoded(told, "buf-b64")
                if told.get("eof"):
                    break
            await self._ask("guest-file-close", handle=handle)
        if len(data) > most:
            raise HarnessError(f"{path} holds more than the {most} bytes that may be fetched")
        return data

    async def stream(self, command: str) -> PortStream:
        """Start a command with the port's name as its last word, and talk to it through the port."""
        stream = await asyncio.to_thread(PortStream.connect, self._port)
        try:
            await self._begin(f"{command} {self._port_name}", capture=False)
        except BaseException:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        """There is nothing to end: each command is a conversation of its own."""

    async def _begin(self, command: str, *, capture: bool) -> int:
        program, *words = command.split()
        arguments: dict[str, Any] = {"path": program, "arg": words, "capture-output": capture}
        told = await self._ask("guest-exec", **arguments)
        process = _table(told).get("pid")
        if not isinstance(process, int):
            raise ChannelLost("the guest agent names no process; is it another version?")
        return process

    async def _ask(self, command: str, /, limit: int = _STEP_LIMIT_S, **arguments: Any) -> Any:
        text = json.dumps({"execute": command, "arguments": arguments})
        try:
            answer = json.loads(await asyncio.to_thread(self._tell, text, limit))
        except ValueError:
            raise ChannelLost(f"the guest agent's answer to {command} is no JSON") from None
        if isinstance(answer, dict) and "return" in answer:
            return answer["return"]
        error = answer.get("error") if isinstance(answer, dict) else None
        reason = error.get("desc") if isinstance(error, dict) else None
        raise HarnessError(
            f"the guest agent refuses {command}: {printable(str(reason or 'no reason given'))}"
        )


@contextlib.asynccontextmanager
async def _within(limit: float, doing: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limit):
            yield
    except TimeoutError:
        raise GuestHung(f"{doing} did not end within {limit:g} s") from None


def _table(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ChannelLost("the guest agent's answer is not what its protocol says")
    return answer


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(answer: dict[str, Any], field: str) -> bytes:
    try:
        return base64.b64decode(answer.get(field, ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ChannelLost(f"the guest agent's {field} is no base64") from None
