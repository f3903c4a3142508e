# SPDX-License-Identifier: Apache-2.0
"""Live capture of one interface, with the kernel's time stamps (packet(7), socket(7)).

Everything is a socket of the caller's network namespace, nothing is global. A
thread of its own empties the socket and does nothing else, so that neither a
busy event loop nor decoding loses packets; frames are decoded when a case asks
for its own. Nothing is kept while no window is open, and no more than fits.
"""

import asyncio
import errno
import os
import secrets
import select
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple, Self

from harness.core.errors import GuestUnreachable, HarnessError
from harness.core.units import MiB, format_ns, ms, seconds
from harness.wire.arp import Probe
from harness.wire.packets import Packet, Sender, parse

ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_STATISTICS = 6
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33

_SNAPLEN = 65536
_RECEIVE_BUFFER = 64 * MiB
_BACKLOG_BYTES = 256 * MiB
_PROBE_INTERVAL = 200 * ms
_TIMESPEC = struct.Struct("@ll")
_STATISTICS = struct.Struct("@II")  # struct tpacket_stats: packets, drops


_ETHERTYPE, _ARP = slice(12, 14), b"\x08\x06"


class _Frame(NamedTuple):
    raw: bytes
    time_ns: int
    outgoing: bool


class Window:
    """The packets of a case, while the window is open: of its port at either end, or for None all but ARP."""

    def __init__(self, port: int | None, drops: int) -> None:
        self.port = port
        self.lost = 0  # packets that found no room, known once they are taken
        self.strays = 0  # frames that the guest sent meanwhile and that are no case's
        self._packets: list[Packet] = []
        self._drops_before = drops

    def add(self, packet: Packet) -> None:
        """It is the window's."""
        self._packets.append(packet)

    def take(self, drops: int) -> list[Packet]:
        """The packets, which are then the caller's alone; `lost` says how many are missing."""
        self.lost = drops - self._drops_before
        packets, self._packets = self._packets, []
        return packets


class _Open:
    """The windows that are open, by their ports: dozens, and each packet is that of one or two."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self._by_port: dict[int | None, list[Window]] = {}
        for window in windows:
            self._by_port.setdefault(window.port, []).append(window)

    def of(self, packet: Packet) -> list[Window]:
        """Those that the packet belongs to."""
        everything = self._by_port.get(None, []) if packet.raw[_ETHERTYPE] != _ARP else []
        ports = {packet.sport, packet.dport} if packet.family else ()
        return [*everything, *(window for port in ports for window in self._by_port.get(port, ()))]


class Capture:
    """A context manager; `guest_address` is the IPv4 address that `prove_live` asks for.

    Raises HarnessError when the interface cannot be captured.
    """

    def __init__(self, interface: str, guest_address: str) -> None:
        self.interface = interface
        self.guest_address = guest_address
        self._lock = threading.Lock()  # of what the thread shares
        self._decoding = threading.Lock()
        self._windows: list[Window] = []
        self._probes: list[Probe] = []
        self._backlog: list[_Frame] = []
        self._backlog_bytes = 0
        self._drops = 0
        self._count = 0
        self._failure: OSError | None = None
        self._stop = False

    def __enter__(self) -> Self:
        self._socket = _open(self.interface)
        self._sender = _open(self.interface, listen=False)
        self._bell = os.eventfd(0)  # wakes the thread when it is to end
        self._thread = threading.Thread(target=self._read, name=f"capture {self.interface}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop = True
        os.eventfd_write(self._bell, 1)
        self._thread.join()
        os.close(self._bell)
        self._socket.close()
        self._sender.close()

    @property
    def drops(self) -> int:
        """Packets that found no room in the kernel or here, since the capture began."""
        with self._lock:
            self._drops += _STATISTICS.unpack(
                self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, _STATISTICS.size)
            )[1]
            return self._drops

    @contextmanager
    def window(self, port: int | None) -> Iterator[Window]:
        """Collects the packets of one port, the peer's or the guest's; open it before that can be reached.

        None collects those of all ports.
        """
        window = Window(port, self.drops)
        with self._lock:
            self._windows.append(window)
        try:
            yield window
        finally:
            with self._lock:
                self._windows.remove(window)

    async def packets(self, window: Window, limit: int) -> list[Packet]:
        """All packets of the window, after `prove_live`: what was sent before this call is in it."""
        await self.prove_live(limit)
        self._decode()
        return window.take(self.drops)

    def seen(self, window: Window) -> list[Packet]:
        """The packets so far, for a guest that answers nothing any more: what it sent last may be missing."""
        self._decode()
        return window.take(self.drops)

    async def prove_live(self, limit: int) -> None:
        """An ARP request to the guest and its answer, both seen here.

        The guest sends in order and so does the wire: what the guest had sent
        before it answered is captured when its answer is. Raises GuestUnreachable
        when there is no answer within `limit` ns, HarnessError when nothing can be asked.
        """
        probe = Probe(self._sender.getsockname()[4], self.guest_address, secrets.token_bytes(5))
        with self._lock:
            self._probes.append(probe)
        try:
            async with asyncio.timeout(seconds(limit)):
                await self._ask(probe)
        except TimeoutError:
            raise GuestUnreachable(
                f"{self.guest_address} did not answer ARP on {self.interface} within {format_ns(limit)}; "
                "is the guest's test interface up?"
            ) from None
        except OSError as error:
            raise HarnessError(f"cannot send on {self.interface}: {error.strerror}") from None
        finally:
            with self._lock:
                self._probes.remove(probe)

    async def _ask(self, probe: Probe) -> None:
        while not probe.answered.is_set():
            if self._failure:
                raise self._failure
            try:
                self._sender.send(probe.request())
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # a flood fills the queue: it is asked again
                    raise
            try:
                async with asyncio.timeout(seconds(_PROBE_INTERVAL)):
                    await probe.answered.wait()
            except TimeoutError:
                continue

    def _read(self) -> None:
        self._socket.setblocking(False)
        news = select.poll()
        for source in (self._socket.fileno(), self._bell):
            news.register(source, select.POLLIN)
        while news.poll() and not self._stop:
            try:
                raw, ancillary, _, address = self._socket.recvmsg(_SNAPLEN, socket.CMSG_SPACE(_TIMESPEC.size))
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno == errno.ENETDOWN:
                    continue  # said once; packets come again when the interface is up again
                self._failure = error
                return
            self._keep(_Frame(raw, _stamp(ancillary), address[2] == socket.PACKET_OUTGOING))

    def _keep(self, frame: _Frame) -> None:
        with self._lock:
            for probe in self._probes:
                probe.see(frame.raw)
            if not self._windows:
                return
            if self._backlog_bytes + len(frame.raw) > _BACKLOG_BYTES:
                self._drops += 1
                return
            self._backlog.append(frame)
            self._backlog_bytes += len(frame.raw)

    def _decode(self) -> None:
        """Puts what was captured so far into its windows."""
        with self._decoding:
            with self._lock:
                frames, self._backlog, self._backlog_bytes = self._backlog, [], 0
                windows = list(self._windows)
            opened = _Open(windows)
            for frame in frames:
                sender: Sender = "peer" if frame.outgoing else "guest"
                packet = parse(frame.raw, time_ns=frame.time_ns, sender=sender, index=self._count)
                self._count += 1
                takers = opened.of(packet)
                for window in takers:
                    window.add(packet)
                if packet.sender == "guest" and not takers:
                    for window in windows:
                        window.strays += 1


def _open(interface: str, *, listen: bool = True) -> socket.socket:
    try:
        # Protocol 0 receives nothing until bind says otherwise.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        if listen:
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            _grow(sock)
        sock.bind((interface, ETH_P_ALL if listen else 0))
    except OSError as error:
        raise HarnessError(
            f"cannot capture {interface}: {error.strerror}; it takes CAP_NET_RAW in the lab's namespace"
        ) from None
    return sock


def _grow(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:  # needs CAP_NET_ADMIN outside of any user namespace
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            second, nanosecond = _TIMESPEC.unpack_from(data)
            return int(second) * 1_000_000_000 + int(nanosecond)
    return 0
