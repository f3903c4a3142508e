# SPDX-License-Identifier: Apache-2.0
"""One end of a TCP connection without a kernel behind it (RFC 9293, section 3.10).

It does what the protocol asks for, except for what it is told to withhold. It
knows no sockets and no time: segments go in by `receive`, come out by
`transmit`, and `resend` is for whoever keeps the time.

Sequence numbers are counted from each side's SYN, which is 0; the first byte
of a stream is 1. Only segments have them as they are on the wire.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from harness.peer.segment import Segment
from harness.wire.packets import ACK, FIN, PSH, RST, SYN, Flag

_MAX_WINDOW = 0xFFFF
_DEFAULT_MSS = 536  # of a guest that names none (RFC 9293, 3.7.1)
_OUR_MSS = 1400
_HALF = 1 << 31
_DATA = 1  # where a stream begins


@dataclass
class TcpBehaviour:
    """The answers that an end withholds; none by default. Sizes are bytes of the guest's stream."""

    takes: int | None = None  # its window closes after so many, and opens no more
    acknowledges: int | None = None  # it acknowledges so many and nothing beyond them
    acknowledges_fin: bool = True
    hears: int | None = None  # it ignores whatever comes after so many
    loses: Callable[[Segment], bool] | None = None  # the first such segment is lost on its way to it


class ScriptedTcp:
    """`transmit` is called with every segment of ours."""

    def __init__(self, transmit: Callable[[Segment], None], behaviour: TcpBehaviour) -> None:
        self.behaviour = behaviour
        self.silent = False  # says nothing more, and hears nothing
        self.established = False
        # The guest's direction.
        self.received = bytearray()
        self.fin_received = False
        self.reset_received = False
        self.knocked = False  # something came while the window was closed
        self.lost = False  # what is to be lost on its way was
        self._irs: int | None = None  # initial receive sequence number; None before a SYN
        self._rcv_nxt = 0
        self._acknowledged = 0  # the highest that we said
        # Our direction.
        self._transmit = transmit
        self._iss = secrets.randbits(32)
        self._snd_una = 0
        self._snd_nxt = 0
        self._snd_wnd = 0
        self._mss = _DEFAULT_MSS
        self._stream = bytearray()
        self._finishing = False

    @property
    def outstanding(self) -> bool:
        """Is there anything of ours that the guest has not acknowledged?"""
        return self._snd_una < self._snd_nxt

    @property
    def fin_acknowledged(self) -> bool:
        return self._snd_una > self._fin_place

    @property
    def over(self) -> bool:
        """Did a RST or both FINs end it? A SYN from the same port is then another connection's."""
        return self.silent or self.reset_received or (self.fin_received and self.fin_acknowledged)

    def open(self) -> None:
        """Our SYN: we connect to the guest."""
        self._push()

    def receive(self, segment: Segment) -> None:
        """The bytes that the guest sent."""
        if self.silent or (self.established and self._deaf) or self._is_lost(segment):
            return
        if RST in segment.flags:
            # Its place in the window is not asked for: no RST of the guest's goes unnoticed.
            self.reset_received = True
        elif SYN in segment.flags:
            self._meet(segment)
        elif ACK in segment.flags and self._irs is not None:
            self._note_ack(segment)
            if self.established:
                self._take(segment)
                self._push()

    def send(self, data: bytes) -> None:
        """Data to the guest, as its window allows; after its reset regardless of it."""
        self._stream += data
        self._push()

    def finish(self) -> None:
        """Our FIN, behind all data."""
        self._finishing = True
        self._push()

    def abort(self) -> None:
        """Our RST, and silence."""
        self._emit(RST | ACK)
        self.silent = True

    def acknowledge(self) -> None:
        """A bare ACK with the window as it is."""
        self._emit(ACK)

    def misplace(self, flags: Flag, by: int, payload: bytes = b"") -> None:
        """A segment `by` bytes off its place in our stream, which is not changed by it."""
        self._emit(flags | ACK, self._snd_nxt + by, payload)

    def resend(self) -> None:
        """Everything again that the guest has not acknowledged."""
        self._snd_nxt = self._snd_una
        self._push()

    @property
    def _deaf(self) -> bool:
        return self.behaviour.hears is not None and len(self.received) >= self.behaviour.hears

    def _is_lost(self, segment: Segment) -> bool:
        """Is it the one? What refuses a connection is none of its segments."""
        loses = self.behaviour.loses
        refuses = RST in segment.flags and not self.established
        if self.lost or loses is None or refuses or not loses(segment):
            return False
        self.lost = True
        return True

    @property
    def _window(self) -> int:
        if self.behaviour.takes is None:
            return _MAX_WINDOW
        return min(_MAX_WINDOW, max(0, self.behaviour.takes - len(self.received)))

    @property
    def _fin_place(self) -> int:
        return _DATA + len(self._stream)

    def _meet(self, segment: Segment) -> None:
        """The guest's SYN or SYN+ACK, the first or again."""
        if self._irs is None:
            self._irs = segment.seq
            self._rcv_nxt = self._acknowledged = _DATA
            self._mss = min(segment.mss or _DEFAULT_MSS, _OUR_MSS)
        if ACK in segment.flags:
            self._note_ack(segment)
            self.acknowledge()
        elif not self.established:
            self.resend()

    def _note_ack(self, segment: Segment) -> None:
        acknowledged = self._snd_una + _distance(segment.ack, self._iss + self._snd_una)
        if self._snd_una <= acknowledged <= self._snd_nxt:
            self._snd_una = acknowledged
            self._snd_wnd = segment.window
            self.established |= acknowledged >= _DATA

    def _take(self, segment: Segment) -> None:
        """Takes the new data of the segment inside our window, and its FIN when it is next."""
        fin = FIN in segment.flags
        place = self._rcv_nxt + _distance(segment.seq, (self._irs or 0) + self._rcv_nxt)
        end = place + len(segment.payload)
        if not segment.payload and not fin and place == self._rcv_nxt:
            return  # nothing but an ACK; one that is out of place is a probe, and answered
        self.knocked |= not self._window
        if place <= self._rcv_nxt and not self.fin_received:
            fresh = segment.payload[self._rcv_nxt - place :][: self._room()]
            self.received += fresh
            self._rcv_nxt += len(fresh)
            if fin and end == self._rcv_nxt and self._room():
                self.fin_received = True
                self._rcv_nxt += 1
        if not self._withheld():
            self.acknowledge()

    def _room(self) -> int:
        """How much more is taken: never more than the window that was offered."""
        unheard = _MAX_WINDOW if self.behaviour.hears is None else self.behaviour.hears - len(self.received)
        return min(self._window, unheard)

    def _withheld(self) -> bool:
        """Would an ACK say nothing new because we do not want it to?"""
        return self._acknowledgeable() == self._acknowledged < self._rcv_nxt

    def _acknowledgeable(self) -> int:
        place = self._rcv_nxt
        if self.fin_received and not self.behaviour.acknowledges_fin:
            place -= 1
        if self.behaviour.acknowledges is not None:
            place = min(place, _DATA + self.behaviour.acknowledges)
        return place

    def _push(self) -> None:
        """Sends what there is to send and has not been: SYN, data as far as the window goes, FIN."""
        if self._snd_nxt == 0:
            self._emit(SYN if self._irs is None else SYN | ACK, mss=_OUR_MSS)
            self._snd_nxt = _DATA
        if not self.established:
            return
        while size := self._sendable():
            start = self._snd_nxt - _DATA
            self._emit(PSH | ACK, payload=bytes(self._stream[start : start + size]))
            self._snd_nxt += size
        if self._finishing and self._snd_nxt == self._fin_place:
            self._emit(FIN | ACK)
            self._snd_nxt += 1

    def _sendable(self) -> int:
        """Bytes that the next segment may carry."""
        window = self._mss if self.reset_received else self._snd_una + self._snd_wnd - self._snd_nxt
        return max(0, min(self._mss, self._fin_place - self._snd_nxt, window))

    def _emit(
        self, flags: Flag, place: int | None = None, payload: bytes = b"", mss: int | None = None
    ) -> None:
        if self.silent:
            return
        ack = 0
        if ACK in flags:
            self._acknowledged = self._acknowledgeable()
            ack = (self._irs or 0) + self._acknowledged
        seq = self._iss + (self._snd_nxt if place is None else place)
        self._transmit(Segment(flags, seq, ack, self._window, payload, mss))


def _distance(one: int, other: int) -> int:
    """How far one sequence number is behind another, whatever the wrap at 2^32."""
    return (one - other + _HALF) % (1 << 32) - _HALF
