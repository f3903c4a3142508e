# SPDX-License-Identifier: Apache-2.0
"""The frames of `wskctl serve`, as the server's side makes and reads them."""

import socket
import struct

from harness.core.abi import abi
from harness.guest.control import FrameKind

MAGIC = abi.WSKTEST_FRAME_MAGIC
HEADER = struct.Struct("<6I")


def frame(kind: int, request: int, payload: bytes = b"", status: int = 0) -> bytes:
    return HEADER.pack(MAGIC, kind, request, status, len(payload), 0) + payload


HELLO = frame(FrameKind.HELLO, 0)


def receive(end: socket.socket) -> tuple[int, int, bytes]:
    """The next request: kind, number, payload."""
    _, kind, number, _, length, _ = HEADER.unpack(end.recv(HEADER.size, socket.MSG_WAITALL))
    return kind, number, end.recv(length, socket.MSG_WAITALL) if length else b""
