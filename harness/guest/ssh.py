# SPDX-License-Identifier: Apache-2.0
"""The way into a guest that has an SSH server: commands, files and byte streams over one connection."""

import asyncio
import contextlib
import hashlib
import shlex
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import paramiko

from harness.core.errors import ChannelLost, GuestHung, HarnessError
from harness.guest.channel import ExecResult, Tell, dial, log_in, untold

_MOST_SAID = 16 << 20  # bytes of a command's output, each
_PORT = 22
_STEP_LIMIT_S = 15.0
_OPEN_ATTEMPTS = 3
# Traces are megabytes: a window of that size needs no reopening in the middle of one.
_WINDOW_BYTES = 8 << 20

# What an emulated processor computes fastest, and every server has; there is nothing here worth more.
_KEY_EXCHANGES = ("curve25519-sha256@libssh.org",)
_CIPHERS = ("aes128-ctr",)
_DIGESTS = ("hmac-sha2-256",)
_OTHER_KEY = "the guest shows another host key than its image has; something else answers there"
# An RSA key is shown with a signature of one of these.
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}

_T = TypeVar("_T")


@dataclass(frozen=True)
class Login:
    """Who logs in, and with what: the private key in a file, or a password.

    `host_key` is the public line of the one key that the guest may show.
    """

    user: str
    host_key: str
    key: Path | None = None
    password: str | None = None


class SshStream:
    """Standard input and output of a command that keeps running. The methods block: call them in threads."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes as soon as there are any; empty at the end. Raises ChannelLost."""
        with _lost("reading from the guest"):
            return self._channel.recv(size)

    def write(self, data: bytes) -> None:
        """All of `data`. Raises ChannelLost."""
        with _lost("writing to the guest"):
            self._channel.sendall(data)

    def close(self) -> None:
        """End the command; a blocked `read` gets the end."""
        self._channel.close()


class SshChannel:
    """A connection that is logged in. Raises ChannelLost when it breaks, GuestHung when a limit passes."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport

    @classmethod
    async def connect(
        cls, host: str, login: Login, limit: float, port: int = _PORT, tell: Tell = untold
    ) -> "SshChannel":
        """Log in as soon as the guest listens and lets us, within `limit` seconds.

        Raises HarnessError when it shows another host key, or refuses the login.
        """
        once = partial(cls._connect_once, host, login, port)
        return await log_in(once, f"SSH login at {host}", limit, tell)

    @classmethod
    async def _connect_once(cls, host: str, login: Login, port: int) -> "SshChannel":
        connection = await dial(host, port)
        try:
            return cls(await asyncio.to_thread(_log_in, connection, login))
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # ends the thread, which would wait on
            raise

    async def exec(self, command: str, input: bytes = b"", limit: float = 30.0) -> ExecResult:
        """Run a shell command with `input` on its standard input, for at most `limit` seconds."""
        channel = await self._open()
        try:
            async with asyncio.timeout(limit):
                result = await asyncio.to_thread(_talk, channel, command, input)
        except TimeoutError:
            raise GuestHung(f"`{command}` did not end within {limit:g} s") from None
        finally:
            channel.close()
        if result.status < 0:
            raise ChannelLost(f"the connection to the guest broke during `{command}`; start the guest again")
        return result

    async def put(self, path: str, data: bytes, limit: float = 60.0) -> None:
        """Write a file; the guest's own checksum proves its arrival. Raises HarnessError when it is wrong."""
        target = shlex.quote(path)
        result = await self.exec(f"cat > {target} && sha256sum {target}", data, limit)
        expected = hashlib.sha256(data).hexdigest().encode()
        if result.status != 0 or result.stdout.split()[:1] != [expected]:
            said = result.stderr.decode(errors="replace").strip()
            raise HarnessError(f"{path} did not arrive whole in the guest: {said or 'wrong checksum'}")

    async def upload(self, path: str, data: bytes, *, limit: float = 60.0) -> None:
        """Write a file by SFTP. Raises HarnessError when it did not arrive whole."""
        await self._transfer(f"writing {path}", lambda sftp: _upload(sftp, path, data), limit)

    async def download(self, path: str, *, most: int, limit: float = 60.0) -> bytes:
        """Read a file by SFTP. Raises HarnessError when it cannot be read, or is longer than `most`."""
        return await self._transfer(f"reading {path}", lambda sftp: _download(sftp, path, most), limit)

    async def _transfer(self, doing: str, work: Callable[[paramiko.SFTPClient], _T], limit: float) -> _T:
        channel = await self._open()
        try:
            async with asyncio.timeout(limit):
                return await asyncio.to_thread(_with_sftp, channel, doing, work)
        except TimeoutError:
            raise GuestHung(f"{doing} did not end within {limit:g} s") from None
        finally:
            channel.close()

    async def stream(self, command: str) -> SshStream:
        """Start a command and keep its standard input and output open."""
        channel = await self._open()
        with _lost(f"starting `{command}`"):
            await asyncio.to_thread(channel.exec_command, command)
        return SshStream(channel)

    def close(self) -> None:
        """End the connection and everything that goes over it."""
        self._transport.close()

    async def _open(self) -> paramiko.Channel:
        """A new session. A small SSH server may refuse one that follows right after another: ask again."""
        for _ in range(_OPEN_ATTEMPTS - 1):
            with contextlib.suppress(paramiko.ChannelException):
                return await asyncio.to_thread(self._open_once)
        with _lost("opening a session"):
            return await asyncio.to_thread(self._open_once)

    def _open_once(self) -> paramiko.Channel:
        try:
            return self._transport.open_session(timeout=_STEP_LIMIT_S)
        except paramiko.ChannelException:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ChannelLost(f"the guest opens no session ({error}); start the guest again") from error


@contextlib.contextmanager
def _lost(doing: str) -> Iterator[None]:
    try:
        yield
    except (paramiko.SSHException, OSError, EOFError) as error:
        reason = str(error) or type(error).__name__
        raise ChannelLost(f"the connection broke while {doing} ({reason}); start the guest again") from error


def _log_in(connection: socket.socket, login: Login) -> paramiko.Transport:
    kind, expected = login.host_key.split()[:2]
    with _lost("logging in"):
        transport = paramiko.Transport(connection, default_window_size=_WINDOW_BYTES)
        try:
            options = transport.get_security_options()
            options.kex = _KEY_EXCHANGES
            options.ciphers = _CIPHERS
            options.digests = _DIGESTS
            options.key_types = _SIGNATURES.get(kind, (kind,))
            transport.start_client(timeout=_STEP_LIMIT_S)
            if transport.get_remote_server_key().get_base64() != expected:
                raise HarnessError(_OTHER_KEY)
            _authenticate(transport, login)
        except paramiko.ssh_exception.IncompatiblePeer as error:
            transport.close()
            raise HarnessError(f"{_OTHER_KEY} ({error})") from error
        except BaseException:
            transport.close()
            raise
        return transport


def _authenticate(transport: paramiko.Transport, login: Login) -> None:
    try:
        if login.key is not None:
            transport.auth_publickey(login.user, paramiko.PKey.from_path(login.key))
        else:
            transport.auth_password(login.user, login.password or "", fallback=False)
    except paramiko.AuthenticationException as error:
        if not _has_answered(transport, error):
            raise ChannelLost(
                f"the connection broke while logging in ({error}); start the guest again"
            ) from error
        means = "key" if login.key is not None else "password"
        raise HarnessError(
            f"the guest refuses {login.user!r} with the {means} of its image ({error}); build the image again"
        ) from error


def _has_answered(transport: paramiko.Transport, error: paramiko.AuthenticationException) -> bool:
    """Did the guest say no? paramiko calls a connection that broke, and a missing answer, the same."""
    return transport.is_active() and "timeout" not in str(error).lower()


def _with_sftp(channel: paramiko.Channel, doing: str, work: Callable[[paramiko.SFTPClient], _T]) -> _T:
    with _lost(doing):
        channel.invoke_subsystem("sftp")
        client = paramiko.SFTPClient(channel)
    with _lost(doing):
        try:
            return work(client)
        except (OSError, paramiko.SFTPError) as error:
            if channel.closed:
                raise
            raise HarnessError(f"{doing} failed in the guest: {error}") from error


def _upload(sftp: paramiko.SFTPClient, path: str, data: bytes) -> None:
    with sftp.open(path, "wb") as file:
        file.set_pipelined(True)
        file.write(data)
    arrived = sftp.stat(path).st_size
    if arrived != len(data):
        raise HarnessError(f"{path} did not arrive whole in the guest: {arrived} of {len(data)} bytes")


def _download(sftp: paramiko.SFTPClient, path: str, most: int) -> bytes:
    with sftp.open(path, "rb") as file:
        size = file.stat().st_size or 0
        if size > most:
            raise HarnessError(f"{path} holds {size} bytes, more than the {most} that may be fetched")
        file.prefetch(size)
        return file.read(size)


def _talk(channel: paramiko.Channel, command: str, data: bytes) -> ExecResult:
    """The command's three streams move side by side: one that nobody took from would hold up the others."""
    with _lost(f"running `{command}`"), ThreadPoolExecutor(2) as beside:
        channel.exec_command(command)
        beside.submit(_send, channel, data)
        stderr = beside.submit(_bounded, channel, channel.makefile_stderr("rb"), command)
        stdout = _bounded(channel, channel.makefile("rb"), command)
        return ExecResult(channel.recv_exit_status(), stdout, stderr.result())


def _send(channel: paramiko.Channel, data: bytes) -> None:
    with contextlib.suppress(
        OSError, paramiko.SSHException
    ):  # it ended without taking all; its status says how
        channel.sendall(data)
        channel.shutdown_write()


def _bounded(channel: paramiko.Channel, file: paramiko.ChannelFile, command: str) -> bytes:
    data: bytes = file.read(_MOST_SAID + 1)
    if len(data) > _MOST_SAID:
        channel.close()
        raise HarnessError(f"`{command}` said more than {_MOST_SAID >> 20} MiB in the guest; it was ended")
    return data
