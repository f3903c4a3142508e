# SPDX-License-Identifier: Apache-2.0
"""A service that has only just begun: it cuts its first connections off, each later than the one before."""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

HOST = "127.0.0.1"
BUSY = b"Exceeded MaxStartups\r\n"  # what OpenSSH says to those whom it has no time for
_CHUNK_BYTES = 1 << 16
_NOW = struct.pack("ii", 1, 0)  # a close that resets


@dataclass
class Reluctance:
    """The first `cuts` connections are reset after 0, 1, 2, ... times `step` bytes from the client."""

    port: int  # of the service behind it
    cuts: int
    step: int
    greeting: bytes = b""  # said before the cut of those that get no byte through
    cut: int = 0  # so far
    lock: threading.Lock = field(default_factory=threading.Lock)

    def budget(self) -> int | None:
        """How many bytes the next connection may send; None: as many as it likes."""
        with self.lock:
            if self.cut == self.cuts:
                return None
            self.cut += 1
            return (self.cut - 1) * self.step


class _CutConnection(socketserver.BaseRequestHandler):
    reluctance: Reluctance

    def handle(self) -> None:
        budget = self.reluctance.budget()
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.reluctance.port)) as service:
            if budget == 0:
                self.request.sendall(self.reluctance.greeting)
            else:
                threading.Thread(target=_carry, args=(service, self.request), daemon=True).start()
                _carry(self.request, service, budget)
            if budget is not None:
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)


def _carry(source: socket.socket, target: socket.socket, budget: int | None = None) -> None:
    """Carries bytes until the end, or until `budget` of them have gone."""
    with contextlib.suppress(OSError):
        while budget is None or budget > 0:
            data = source.recv(min(_CHUNK_BYTES, budget or _CHUNK_BYTES))
            if not data:
                break
            target.sendall(data)
            budget = None if budget is None else budget - len(data)
        if budget is None:
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def reluctant(port: int, cuts: int, step: int, greeting: bytes = b"") -> Iterator[tuple[int, Reluctance]]:
    """The port in front of `port`, and what has become of its connections."""
    reluctance = Reluctance(port, cuts, step, greeting)
    handler = type("_Bound", (_CutConnection,), {"reluctance": reluctance})
    with socketserver.ThreadingTCPServer((HOST, 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1], reluctance
        finally:
            server.shutdown()
