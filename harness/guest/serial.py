# SPDX-License-Identifier: Apache-2.0
"""The way to `wskctl serve PORT`: a serial or virtio port of the machine, as a Unix socket on this side.

It needs no network in the guest. Connect first and start wskctl then: the
guest takes a port that nobody has connected to for one that has ended.
"""

import contextlib
import socket
from pathlib import Path

from harness.core.errors import ChannelLost, HarnessError


class PortStream:
    """Bytes to and from the guest. The methods block: call them in threads."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    @classmethod
    def connect(cls, path: Path) -> "PortStream":
        """To the socket that QEMU listens on. Raises HarnessError when there is none."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            end.connect(str(path))
        except OSError as error:
            end.close()
            raise HarnessError(f"the VM has no port at {path}: {error.strerror or error}") from error
        return cls(end)

    def read(self, size: int) -> bytes:
        """At most `size` bytes as soon as there are any; empty at the end. Raises ChannelLost."""
        try:
            return self._end.recv(size)
        except OSError as error:
            raise ChannelLost(f"the VM's port broke ({error}); start the guest again") from error

    def write(self, data: bytes) -> None:
        """All of `data`. Raises ChannelLost."""
        try:
            self._end.sendall(data)
        except OSError as error:
            raise ChannelLost(f"the VM's port broke ({error}); start the guest again") from error

    def close(self) -> None:
        """End it; a blocked `read` gets the end. Again is harmless."""
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()
