# SPDX-License-Identifier: Apache-2.0
"""The scripted TCP answers as the protocol asks, withholds what it is told, and survives any segment."""

import ipaddress
from dataclasses import replace
from typing import Any

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.peer.scripted_tcp import ScriptedTcp, TcpBehaviour
from harness.peer.segment import Segment, decode, encode
from harness.wire import ACK, FIN, PSH, RST, SYN, Flag

ISN = 0xFFFFFFF0  # the guest's: its stream crosses the end of the sequence space


class Talk:
    """The guest's side of a connection, segment by segment; places are counted from its SYN."""

    def __init__(self, **behaviour: Any) -> None:
        self.heard: list[Segment] = []
        self.tcp = ScriptedTcp(self.heard.append, TcpBehaviour(**behaviour))
        self.tcp.receive(Segment(SYN, ISN, window=1000, mss=100))
        self.iss = self.heard[0].seq
        self.says(ACK, 1)

    def says(
        self, flags: Flag, place: int, payload: bytes = b"", *, ack: int = 1, window: int = 1000
    ) -> None:
        segment = Segment(flags | ACK, (ISN + place) % 2**32, (self.iss + ack) % 2**32, window, payload)
        self.tcp.receive(segment)

    @property
    def acks(self) -> list[int]:
        """The guest's places that were acknowledged."""
        return [(segment.ack - ISN) % 2**32 for segment in self.heard]


def test_it_accepts_a_connection_and_says_it_again() -> None:
    talk = Talk()
    assert talk.heard == [Segment(SYN | ACK, talk.iss, (ISN + 1) % 2**32, 0xFFFF, mss=1400)]
    assert talk.tcp.established
    assert not talk.tcp.outstanding


def test_a_syn_that_comes_again_is_answered_again() -> None:
    heard: list[Segment] = []
    tcp = ScriptedTcp(heard.append, TcpBehaviour())
    for _ in range(2):
        tcp.receive(Segment(SYN, ISN, window=1000))
    assert heard[0] == heard[1]
    assert not tcp.established


def test_it_connects() -> None:
    heard: list[Segment] = []
    tcp = ScriptedTcp(heard.append, TcpBehaviour())
    tcp.open()
    (syn,) = heard
    assert (syn.flags, syn.ack) == (SYN, 0)
    tcp.receive(Segment(SYN | ACK, ISN, (syn.seq + 1) % 2**32, 1000))
    assert tcp.established
    assert (heard[1].flags, heard[1].seq, heard[1].ack) == (ACK, syn.seq + 1, (ISN + 1) % 2**32)


def test_data_is_taken_once_and_in_order_across_the_end_of_the_sequence_space() -> None:
    talk = Talk()
    talk.says(PSH, 1, b"0123456789")
    talk.says(PSH, 21, b"later")  # out of order: asked for again
    talk.says(PSH, 6, b"56789abcdefghij")  # partly old
    talk.says(PSH | FIN, 1, b"0123456789")  # all old
    talk.says(FIN, 21, b"end")
    talk.says(FIN, 21, b"end")
    assert talk.tcp.received == b"0123456789abcdefghijend"
    assert talk.tcp.fin_received
    assert talk.acks == [1, 11, 11, 21, 21, 25, 25]


def test_its_data_keeps_to_the_guest_s_window_and_segment_size() -> None:
    talk = Talk()
    talk.tcp.send(bytes(1150))
    talk.tcp.finish()
    assert [len(segment.payload) for segment in talk.heard[1:]] == [100] * 10
    talk.says(ACK, 1, ack=1001)
    assert [len(segment.payload) for segment in talk.heard[11:]] == [100, 50, 0]
    assert talk.heard[-1].flags == FIN | ACK
    assert not talk.tcp.fin_acknowledged
    talk.says(ACK, 1, ack=1152)
    assert talk.tcp.fin_acknowledged
    assert not talk.tcp.outstanding


def test_what_is_not_acknowledged_is_sent_again() -> None:
    talk = Talk()
    talk.tcp.send(b"a" * 100 + b"b" * 50)
    talk.tcp.finish()
    talk.says(ACK, 1, ack=101)
    del talk.heard[:]
    talk.tcp.resend()
    assert [(segment.flags, segment.payload) for segment in talk.heard] == [
        (PSH | ACK, b"b" * 50),
        (FIN | ACK, b""),
    ]


def test_a_window_that_closes_takes_what_it_offered_and_answers_probes() -> None:
    talk = Talk(takes=4)
    talk.says(PSH, 1, b"abcdef")
    assert talk.tcp.received == b"abcd"
    talk.says(PSH, 5, b"e")  # a probe with data
    talk.says(ACK, 4)  # a probe without
    talk.says(FIN, 5)
    assert not talk.tcp.fin_received
    assert [segment.window for segment in talk.heard] == [4, 0, 0, 0, 0]
    assert talk.acks == [1, 5, 5, 5, 5]


@pytest.mark.parametrize("behaviour", [{"acknowledges": 4}, {"acknowledges_fin": False}], ids=str)
def test_acks_are_withheld_in_silence(behaviour: dict[str, Any]) -> None:
    talk = Talk(**behaviour)
    talk.says(PSH, 1, b"abcd")
    for _ in range(2):
        talk.says(FIN, 5)
    assert talk.tcp.fin_received
    assert talk.acks == [1, 5]
    talk.tcp.finish()  # what has to be said says no more
    assert talk.acks == [1, 5, 5]


def test_what_it_does_not_hear_changes_nothing() -> None:
    talk = Talk(hears=4)
    talk.says(PSH, 1, b"abcdef")
    assert talk.acks == [1, 5]
    talk.says(PSH, 5, b"ef")
    talk.says(RST, 5)
    assert talk.acks == [1, 5]
    assert not talk.tcp.reset_received


def test_after_a_reset_it_still_sends_what_it_is_told() -> None:
    talk = Talk()
    talk.says(ACK, 1, window=0)
    talk.says(RST, 1)
    talk.tcp.send(bytes(250))
    assert talk.tcp.reset_received
    assert [len(segment.payload) for segment in talk.heard[1:]] == [100, 100, 50]


def test_an_abort_is_its_last_word() -> None:
    talk = Talk()
    talk.tcp.abort()
    talk.tcp.send(b"more")
    talk.says(PSH, 1, b"anybody?")
    assert [segment.flags for segment in talk.heard] == [SYN | ACK, RST | ACK]


@pytest.mark.parametrize("hosts", [("192.0.2.2", "192.0.2.1"), ("2001:db8::2", "2001:db8::1")])
def test_a_segment_survives_its_encoding_and_its_checksum_is_right(hosts: tuple[str, str]) -> None:
    segment = Segment(SYN | ACK, 2**32 - 1, 7, 4096, b"odd", mss=1400)
    guest, peer = (hosts[0], 40000), (hosts[1], 80)
    raw = encode(segment, guest, peer)
    assert decode(raw) == (40000, 80, segment)
    packed = b"".join(ipaddress.ip_address(host).packed for host in hosts)
    assert dpkt.in_cksum(packed + len(raw).to_bytes(4) + (6).to_bytes(4) + raw) == 0


segments = st.builds(
    Segment,
    st.integers(0, 0x3F).map(Flag),
    st.integers(-70_000, 70_000).map(lambda by: (ISN + by) % 2**32),
    st.integers(-70_000, 70_000),
    st.integers(0, 0xFFFF),
    st.binary(max_size=40),
    st.none() | st.integers(1, 0xFFFF),
)


@given(st.lists(segments, max_size=20), st.integers(0, 50))
def test_no_segment_makes_it_say_what_it_does_not_have(said: list[Segment], takes: int) -> None:
    talk = Talk(takes=takes)
    talk.tcp.send(b"data")
    for segment in said:
        talk.tcp.receive(replace(segment, ack=(talk.iss + segment.ack) % 2**32))
        assert len(talk.tcp.received) <= takes
    assert {segment.payload for segment in talk.heard} <= {b"", b"data", *(b"data"[i:] for i in range(4))}
    assert len(talk.heard) <= 2 + 2 * len(said)


@given(st.binary(max_size=120))
def test_no_bytes_upset_the_decoder(raw: bytes) -> None:
    arrival = decode(raw)
    assert arrival is None or len(arrival.segment.payload) <= len(raw)
