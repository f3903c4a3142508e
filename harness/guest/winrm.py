# SPDX-License-Identifier: Apache-2.0
"""The way into a Windows guest through WinRM: commands, files and byte streams in WS-Management shells.

The login is NTLM. Nothing goes in clear: either over HTTPS with the one
certificate that the image was sealed with, or over HTTP with every message
encrypted by NTLM, and an answer that is not is refused.
See [MS-WSMV] for the shells, and [MS-WSMV] 2.2.9.1 for the encryption.
"""

import asyncio
import base64
import contextlib
import hashlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import requests
from requests.adapters import HTTPAdapter
from spnego.exceptions import SpnegoError
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMError,
    WinRMOperationTimeoutError,
    WSManFaultError,
)
from winrm.protocol import Protocol

from harness.core.errors import ChannelLost, GuestHung, HarnessError
from harness.core.printable import printable
from harness.guest.channel import ExecResult, Tell, dial, log_in, powershell, untold

_HTTPS_PORT, _HTTP_PORT = 5986, 5985
_ENCRYPTED = "application/HTTP-SPNEGO-session-encrypted"
_UTF8 = 65001  # the code page of shells
_OPERATION_LIMIT_S = 2  # after which WinRM says that there is no output yet
_REQUEST_LIMIT_S = 20
_CHUNK_BYTES = 90_000  # encoded twice it is below the 500 kB that WinRM takes in a message

# What wrong XML, or none, becomes in pywinrm.
_NONSENSE = (ParseError, StopIteration, LookupError, ValueError, TypeError, AttributeError, AssertionError)

# Standard input comes in lines as pipeline objects.
_PUT = """
begin {{ $ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
  $file = [IO.File]::Create('{path}') }}
process {{ $part = [Convert]::FromBase64String($_); $file.Write($part, 0, $part.Length) }}
end {{ $file.Dispose(); (Get-FileHash -Algorithm SHA256 -LiteralPath '{path}').Hash }}
"""
_GET = """
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
$file = [IO.File]::OpenRead('{path}')
if ($file.Length -gt {most}) {{ throw "it holds $($file.Length) bytes, more than {most}" }}
$part = [byte[]]::new(49152)
while ($got = $file.Read($part, 0, $part.Length)) {{ [Convert]::ToBase64String($part, 0, $got) }}
"""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Account:
    """Where and as whom to log in. `certificate` is the SHA-256 of the guest's, in hex; None: HTTP."""

    host: str
    user: str
    password: str
    certificate: str | None
    port: int | None = None  # None: WinRM's own

    @property
    def endpoint(self) -> str:
        """The URL of WS-Management."""
        if self.certificate is not None:
            return f"https://{self.host}:{self.port or _HTTPS_PORT}/wsman"
        return f"http://{self.host}:{self.port or _HTTP_PORT}/wsman"


class WinRmChannel:
    """An account that has logged in. Every command has a shell of its own, which ends with it."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._closed = threading.Event()

    @classmethod
    async def connect(cls, account: Account, limit: float, tell: Tell = untold) -> "WinRmChannel":
        """Log in as soon as the guest listens, within `limit` seconds.

        Raises HarnessError when it shows another certificate, talks in clear,
        or refuses the login.
        """
        channel = cls(account)
        try:
            await log_in(channel._attempt, f"WinRM login at {account.host}", limit, tell)
        except BaseException:
            channel.close()
            raise
        return channel

    async def _attempt(self) -> None:
        port = self._account.port or (_HTTPS_PORT if self._account.certificate else _HTTP_PORT)
        (await dial(self._account.host, port)).close()
        await asyncio.to_thread(self._log_in)

    def _log_in(self) -> None:
        with _Shell(self._account):
            pass

    async def exec(self, command: str, input: bytes = b"", *, limit: float = 30.0) -> ExecResult:
        """Run a command for at most `limit` seconds.

        All of `input` is sent before its output is read: it should not write much until then.
        """
        return await asyncio.to_thread(self._exec, command, input, time.monotonic() + limit, limit)

    def _exec(self, command: str, data: bytes, give_up: float, limit: float) -> ExecResult:
        with _Shell(self._account) as shell:
            process = shell.begin(command)
            for start in range(0, len(data), _CHUNK_BYTES):
                shell.send(process, data[start : start + _CHUNK_BYTES])
            shell.send(process, b"", end=True)
            output: list[bytes] = []
            errors: list[bytes] = []
            while not self._closed.is_set():
                out, err, status, done = shell.receive(process)
                output.append(out)
                errors.append(err)
                if done:
                    return ExecResult(status, b"".join(output), b"".join(errors))
                if time.monotonic() >= give_up:
                    raise GuestHung(f"`{command}` did not end within {limit:g} s")
        raise ChannelLost("the connection to the guest was closed")

    async def upload(self, path: str, data: bytes, *, limit: float = 60.0) -> None:
        """Write a file; the guest's own checksum proves its arrival. Raises HarnessError when it is wrong."""
        lines = [data[start : start + _CHUNK_BYTES // 2] for start in range(0, len(data), _CHUNK_BYTES // 2)]
        text = b"".join(base64.b64encode(line) + b"\r\n" for line in lines)
        result = await self.exec(powershell(_PUT.format(path=_quoted(path))), text, limit=limit)
        expected = hashlib.sha256(data).hexdigest().encode()
        if result.status != 0 or result.stdout.strip().lower() != expected:
            raise HarnessError(f"{path} did not arrive whole in the guest: {result.said}")

    async def download(self, path: str, *, most: int, limit: float = 60.0) -> bytes:
        """Read a file. Raises HarnessError when it cannot be read, or is longer than `most`."""
        result = await self.exec(powershell(_GET.format(path=_quoted(path), most=most)), limit=limit)
        if result.status != 0:
            raise HarnessError(f"{path} cannot be fetched from the guest: {result.said}")
        try:
            return b"".join(base64.b64decode(line, validate=True) for line in result.stdout.split())
        except ValueError:
            raise HarnessError(f"{path} did not arrive whole from the guest; try again") from None

    async def stream(self, command: str) -> "WinRmStream":
        """Start a command and keep its standard input and output open."""
        return await asyncio.to_thread(WinRmStream, self._account, command)

    def close(self) -> None:
        """Close the connection; requests under way end within moments. May be called again."""
        self._closed.set()


class WinRmStream:
    """Standard input and output of a command that keeps running. The methods block: call them in threads."""

    def __init__(self, account: Account, command: str) -> None:
        # A connection carries one request at a time, and a read waits in its.
        self._output = _Shell(account)
        self._input = _Connection(account)
        self._closed = threading.Event()
        self._output.open()
        try:
            self._process = self._output.begin(command)
        except BaseException:
            self._output.end()
            raise

    def read(self, size: int) -> bytes:
        """Returns output as soon as there is any; empty at the end. Raises ChannelLost."""
        while not self._closed.is_set():
            out, _, _, done = self._output.receive(self._process)
            if done:
                self._closed.set()
            if out:
                return out
        self._output.end()
        self._input.close()
        return b""

    def write(self, data: bytes) -> None:
        """All of `data`. Raises ChannelLost."""
        for start in range(0, len(data), _CHUNK_BYTES):
            self._input.send(self._output.id, self._process, data[start : start + _CHUNK_BYTES])

    def close(self) -> None:
        """End the command; a blocked `read` gets the end within moments."""
        self._closed.set()


class _Connection:
    """One HTTP connection that is logged in."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._protocol = Protocol(
            account.endpoint,
            transport="ntlm",
            username=account.user,
            password=account.password,
            server_cert_validation="ignore",  # it is pinned instead
            message_encryption="never",  # set up below, before the first message
            read_timeout_sec=_REQUEST_LIMIT_S,
            operation_timeout_sec=_OPERATION_LIMIT_S,
            proxy=None,
        )
        self._prepared = False

    def send(self, shell: str, process: str, data: bytes, *, end: bool = False) -> None:
        self.ask(lambda protocol: protocol.send_command_input(shell, process, data, end=end))

    def ask(self, question: Callable[[Protocol], _T]) -> _T:
        with _told(self._account):
            if not self._prepared:
                self._prepare()
            return question(self._protocol)

    def _prepare(self) -> None:
        """The session with our certificate or its encryption, and without the environment's proxies."""
        self._prepared = True
        transport = self._protocol.transport
        session = transport.build_session()
        session.trust_env = False
        if self._account.certificate is not None:
            adapter = HTTPAdapter()
            adapter.init_poolmanager(1, 1, assert_fingerprint=self._account.certificate)
            session.mount("https://", adapter)
            return
        session.hooks["response"].append(_refuse_clear)
        transport.setup_encryption(session)
        auth: Any = session.auth
        if auth.session_security is None:
            raise HarnessError(_CLEAR)

    def close(self) -> None:
        self._protocol.transport.close_session()


class _Shell:
    """A shell of Windows' command interpreter, on a connection of its own; leaving it ends its commands."""

    def __init__(self, account: Account) -> None:
        self._connection = _Connection(account)
        self.id = ""

    def __enter__(self) -> "_Shell":
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def open(self) -> None:
        self.id = self._connection.ask(lambda protocol: protocol.open_shell(codepage=_UTF8))

    def end(self) -> None:
        """Again is harmless; what has broken already needs no end."""
        identity, self.id = self.id, ""
        if identity:
            with contextlib.suppress(HarnessError, GuestHung):
                self._connection.ask(lambda protocol: protocol.close_shell(identity, close_session=False))
        self._connection.close()

    def begin(self, command: str) -> str:
        program, *words = command.split()
        return self._connection.ask(
            lambda protocol: protocol.run_command(self.id, program, words, console_mode_stdin=False)
        )

    def send(self, process: str, data: bytes, *, end: bool = False) -> None:
        self._connection.send(self.id, process, data, end=end)

    def receive(self, process: str) -> tuple[bytes, bytes, int, bool]:
        """(stdout, stderr, status, whether it has ended) as soon as there is any, or nothing for a while."""
        try:
            return self._connection.ask(lambda protocol: protocol.get_command_output_raw(self.id, process))
        except WinRMOperationTimeoutError:
            return b"", b"", 0, False


_CLEAR = "the guest's WinRM talks in clear; build the image again, with HTTPS or encryption on"


def _refuse_clear(response: requests.Response, *_: Any, **__: Any) -> None:
    encrypted = _ENCRYPTED in response.headers.get("Content-Type", "")
    if response.content and not encrypted and response.status_code != requests.codes.unauthorized:
        raise HarnessError(_CLEAR)


@contextlib.contextmanager
def _told(account: Account) -> Iterator[None]:
    """Turns errors of pywinrm and its helpers into those of the harness."""
    try:
        yield
    except WinRMOperationTimeoutError:
        raise
    except (InvalidCredentialsError, SpnegoError, PermissionError) as error:
        raise HarnessError(
            f"the guest refuses {account.user!r} with the password of its image ({error}); "
            "build the image again"
        ) from error
    except requests.exceptions.SSLError as error:
        if _handshake_broke(error):
            raise ChannelLost(f"the connection to WinRM broke ({error}); start the guest again") from error
        raise HarnessError(
            "the guest shows another certificate than its image has; something else answers there"
        ) from error
    except requests.exceptions.Timeout as error:
        raise GuestHung(f"WinRM in the guest gave no answer within {_REQUEST_LIMIT_S} s") from error
    except WSManFaultError as error:
        raise HarnessError(f"WinRM in the guest refuses: {printable(error.reason)}") from error
    except (requests.exceptions.RequestException, WinRMError, OSError) as error:
        raise ChannelLost(f"the connection to WinRM broke ({error}); start the guest again") from error
    except _NONSENSE as error:
        raise ChannelLost(f"what answers as WinRM is none ({error!r}); start the guest again") from error


def _handshake_broke(error: requests.exceptions.SSLError) -> bool:
    """Did TLS itself fail? urllib3 looks at the certificate once it has not."""
    told = getattr(error.args[0] if error.args else None, "reason", None)
    return any(isinstance(cause, ssl.SSLError) for cause in getattr(told, "args", ()))


def _quoted(path: str) -> str:
    """Inside single quotes of PowerShell."""
    return path.replace("'", "''")
