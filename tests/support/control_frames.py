# SPDX-License-Identifier: Apache-2.0
"""The frames of `wskctl serve`, as the server's side makes and reads them."""

import socket
import struct
import zlib

from harness.core.abi import abi
from harness.guest.frames import FrameKind

MAGIC = abi.WSKTEST_FRAME_MAGIC
VERSION = abi.WSKTEST_FRAME_VERSION
HEADER = struct.Struct("<IHHIIII")


def frame(kind: int, request: int, payload: bytes = b"", status: int = 0) -> bytes:
    head = HEADER.pack(MAGIC, VERSION, kind, request, status, len(payload), 0)
    checksum = zlib.crc32(head + payload)
    return head[:-4] + struct.pack("<I", checksum) + payload


HELLO = frame(FrameKind.HELLO, 0)


def receive(end: socket.socket) -> tuple[int, int, bytes]:
    """The next request: kind, number, payload."""
    _, _, kind, number, _, length, _ = HEADER.unpack(end.recv(HEADER.size, socket.MSG_WAITALL))
    return kind, number, end.recv(length, socket.MSG_WAITALL) if length else b""
