# SPDX-License-Identifier: Apache-2.0
"""A WS-Management endpoint on loopback: it checks NTLM, and its shells run programs of this host.

It knows what [MS-WSMV] asks of shells (create, command, send, receive,
delete) as far as pywinrm uses it, and can be told to misbehave.
"""

import base64
import contextlib
import os
import re
import select
import shlex
import ssl
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import spnego

USER, PASSWORD = "wsk", "not-a-secret"
OPERATION_TIMED_OUT = 2150858793

_BOUNDARY = b"--Encrypted Boundary"
_ENCRYPTED = "application/HTTP-SPNEGO-session-encrypted"
_SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
_LIMIT_S = 30

# Plays PowerShell for the two scripts of harness/guest/winrm.py.
_POWERSHELL = r"""
import base64, hashlib, os, re, sys
script = base64.b64decode(sys.argv[-1]).decode("utf-16-le")
path = re.search(r"'(/[^']*(?:''[^']*)*)'", script)[1].replace("''", "'")
if "Create" in script:
    data = b"".join(base64.b64decode(line.strip(), validate=True) for line in sys.stdin.buffer)
    open(path, "wb").write(data)
    print(hashlib.sha256(data).hexdigest().upper())
else:
    most = int(re.search(r"gt (\d+)", script)[1])
    data = open(path, "rb").read()
    if len(data) > most:
        sys.exit(f"it holds {len(data)} bytes, more than {most}")
    for start in range(0, len(data), 49152):
        print(base64.b64encode(data[start:start + 49152]).decode())
"""


@dataclass
class WsmanService:
    """The service and a record of its use. `faults` maps the last word of an action to (code, reason)."""

    port: int = 0
    certificate: str | None = None  # SHA-256 of it
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    silent: bool = False  # takes requests and never answers
    nonsense: bool = False  # answers with text that is no XML
    clear: bool = False  # answers without encryption
    open_door: bool = False  # lets in without a login
    shells: dict[str, dict[str, "subprocess.Popen[bytes]"]] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)  # as they were on the wire
    folder: Path = Path()
    over: threading.Event = field(default_factory=threading.Event)


class _WsmanConnection(BaseHTTPRequestHandler):
    """One connection, which is what NTLM logs in."""

    protocol_version = "HTTP/1.1"
    endpoint: WsmanService

    def setup(self) -> None:
        super().setup()
        self._context: Any = None

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.endpoint.requests.append(body)
        if self.endpoint.silent:
            self.endpoint.over.wait(_LIMIT_S)
            self.close_connection = True
            return
        if not self.endpoint.open_door and not self._logged_in():
            return
        try:
            message = self._decrypt(body)
        except ValueError:
            self._answer(500, b"unencrypted", "text/plain")
            return
        if not message:
            self._answer(200, b"")
            return
        self._speak(message)

    def _logged_in(self) -> bool:
        if self._context is not None and self._context.complete:
            return True
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        told = ""
        if token:
            self._context = self._context or spnego.server(protocol="ntlm")
            try:
                told = base64.b64encode(self._context.step(base64.b64decode(token)) or b"").decode()
            except spnego.exceptions.SpnegoError:
                self._context = None
            if self._context is not None and self._context.complete:
                return True
        self.send_response(401)
        self.send_header("WWW-Authenticate", f"{kind or 'Negotiate'} {told}".strip())
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def _decrypt(self, body: bytes) -> bytes:
        """Decrypts as in [MS-WSMV] 2.2.9.1; over HTTPS there is nothing to do."""
        if self.endpoint.certificate or not body:
            return body
        if _ENCRYPTED not in self.headers.get("Content-Type", ""):
            raise ValueError("in clear")
        _, _, rest = body.partition(b"application/octet-stream\r\n")
        sealed = rest.removesuffix(_BOUNDARY + b"--\r\n")
        (length,) = struct.unpack_from("<i", sealed)
        return bytes(self._context.unwrap(sealed[4:]).data) if length == 16 else b""

    def _answer(self, status: int, body: bytes, kind: str = "application/soap+xml;charset=UTF-8") -> None:
        if body and not self.endpoint.certificate and not self.endpoint.clear:
            length = len(body)
            sealed = self._context.wrap(body, encrypt=True).data
            head = f"\tContent-Type: {_ENCRYPTED}\r\n\tOriginalContent: type={kind};Length={length}\r\n"
            body = b"\r\n".join([_BOUNDARY, head.encode() + _BOUNDARY])
            body += b"\r\n\tContent-Type: application/octet-stream\r\n" + struct.pack("<i", 16) + sealed
            body += _BOUNDARY + b"--\r\n"
            kind = f'multipart/encrypted;protocol="{_ENCRYPTED}";boundary="Encrypted Boundary"'
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _speak(self, message: bytes) -> None:
        if self.endpoint.nonsense:
            self._answer(200, b"<moo")
            return
        root = ElementTree.fromstring(message)
        action = (root.findtext(f".//{{{_ADDRESSING}}}Action") or "").rpartition("/")[2]
        identity = root.findtext(f".//{{{_ADDRESSING}}}MessageID")
        code, reason = self.endpoint.faults.get(action, (0, ""))
        content = "" if code else _SHELLS[action](self.endpoint, root)
        if content is None:
            code, reason = OPERATION_TIMED_OUT, "the operation timed out"
        if code:
            content = (
                f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code>"
                f"<s:Reason><s:Text>{escape(reason)}</s:Text></s:Reason><s:Detail>"
                f'<f:WSManFault xmlns:f="{_FAULT}" Code="{code}"/></s:Detail></s:Fault>'
            )
        text = (
            f'<s:Envelope xmlns:s="{_SOAP}" xmlns:a="{_ADDRESSING}" xmlns:rsp="{_SHELL}" xmlns:w="{_WSMAN}">'
            f"<s:Header><a:RelatesTo>{identity}</a:RelatesTo></s:Header><s:Body>{content}</s:Body></s:Envelope>"
        )
        self._answer(500 if code else 200, text.encode())


def _shell(endpoint: WsmanService, root: ElementTree.Element) -> dict[str, "subprocess.Popen[bytes]"]:
    return endpoint.shells[root.findtext(f".//{{{_WSMAN}}}Selector") or ""]


def _process(endpoint: WsmanService, root: ElementTree.Element) -> "subprocess.Popen[bytes]":
    (identity,) = (node.attrib["CommandId"] for node in root.iter() if "CommandId" in node.attrib)
    return _shell(endpoint, root)[identity]


def _create(endpoint: WsmanService, _root: ElementTree.Element) -> str:
    identity = str(uuid.uuid4())
    endpoint.shells[identity] = {}
    selector = f'<w:Selector Name="ShellId">{identity}</w:Selector>'
    return f"<rsp:Shell><w:SelectorSet>{selector}</w:SelectorSet></rsp:Shell>"


def _command(endpoint: WsmanService, root: ElementTree.Element) -> str:
    words = [root.findtext(f".//{{{_SHELL}}}{name}") or "" for name in ("Command", "Arguments")]
    identity = str(uuid.uuid4())
    path = f"{endpoint.folder}:{os.environ['PATH']}"
    _shell(endpoint, root)[identity] = subprocess.Popen(
        shlex.split(" ".join(words)),
        env={**os.environ, "PATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    return f"<rsp:CommandResponse><rsp:CommandId>{identity}</rsp:CommandId></rsp:CommandResponse>"


def _send(endpoint: WsmanService, root: ElementTree.Element) -> str:
    process = _process(endpoint, root)
    (stream,) = root.iter(f"{{{_SHELL}}}Stream")
    assert process.stdin
    with contextlib.suppress(BrokenPipeError):
        data = base64.b64decode(stream.text or "")
        while data:
            data = data[process.stdin.write(data) or 0 :]
        if stream.attrib.get("End") == "true":
            process.stdin.close()
    return "<rsp:SendResponse/>"


def _receive(endpoint: WsmanService, root: ElementTree.Element) -> str | None:
    process = _process(endpoint, root)
    limit = re.search(r"PT(\d+)S", root.findtext(f".//{{{_WSMAN}}}OperationTimeout") or "")
    assert process.stdout
    assert process.stderr
    pipes = {process.stdout: "stdout", process.stderr: "stderr"}
    give_up = time.monotonic() + int(limit[1] if limit else 1)
    parts: list[str] = []
    while pipes and not parts and time.monotonic() < give_up:
        ready, _, _ = select.select(list(pipes), [], [], 0.1)
        for pipe in ready:
            data = os.read(pipe.fileno(), 60_000)
            if not data:
                del pipes[pipe]
                continue
            text = base64.b64encode(data).decode()
            parts.append(f'<rsp:Stream Name="{pipes[pipe]}" CommandId="x">{text}</rsp:Stream>')
    if not parts and pipes:
        return None
    state, status = "Running", ""
    if not parts:
        state, status = "Done", f"<rsp:ExitCode>{process.wait(_LIMIT_S)}</rsp:ExitCode>"
    return (
        f'<rsp:ReceiveResponse>{"".join(parts)}<rsp:CommandState CommandId="x" '
        f'State="{_SHELL}/CommandState/{state}">{status}</rsp:CommandState></rsp:ReceiveResponse>'
    )


def _delete(endpoint: WsmanService, root: ElementTree.Element) -> str:
    _end(endpoint.shells.pop(root.findtext(f".//{{{_WSMAN}}}Selector") or ""))
    return ""


def _end(shell: dict[str, "subprocess.Popen[bytes]"]) -> None:
    for process in shell.values():
        process.kill()
        process.wait(_LIMIT_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


_SHELLS = {
    "Create": _create,
    "Command": _command,
    "Send": _send,
    "Receive": _receive,
    "Delete": _delete,
}


@contextlib.contextmanager
def wsman(folder: Path, *, https: bool) -> Iterator[WsmanService]:
    """Serves while the block runs. In `folder` are programs that commands find before all others."""
    users = folder / "users"
    users.write_text(f":{USER}:{PASSWORD}\n")
    (folder / "powershell.exe").write_text(f"#!{sys.executable}\n{_POWERSHELL}")
    (folder / "powershell.exe").chmod(0o755)
    endpoint = WsmanService(folder=folder)
    handler = type("Handler", (_WsmanConnection,), {"endpoint": endpoint})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    endpoint.port = server.server_port
    if https:
        endpoint.certificate = _use_certificate(server, folder)
    before = os.environ.get("NTLM_USER_FILE")
    os.environ["NTLM_USER_FILE"] = str(users)  # where pyspnego looks
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield endpoint
    finally:
        endpoint.over.set()
        server.shutdown()
        server.server_close()
        os.environ.pop("NTLM_USER_FILE")
        if before is not None:
            os.environ["NTLM_USER_FILE"] = before
        for shell in endpoint.shells.values():
            _end(shell)


def _use_certificate(server: ThreadingHTTPServer, folder: Path) -> str:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=guest -keyout key -out certificate"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    told = subprocess.check_output(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", folder / "certificate"], text=True
    )
    return told.partition("=")[2].strip().replace(":", "").lower()
