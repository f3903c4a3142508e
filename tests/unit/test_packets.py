# SPDX-License-Identifier: Apache-2.0
"""Frames are decoded as far as they are sound, and never raise."""

from hypothesis import given
from hypothesis import strategies as st
from synthetic import GUEST_PORT, PEER, Wire

from harness.wire import ACK, FIN, Packet, parse
from harness.wire.segments import ETHERNET, CapturedSegment, segment


def example() -> Packet:
    (packet,) = Wire().packet("guest", FIN | ACK, 5, offset=1, payload=b"bye").packets
    return packet


def test_a_segment_has_its_addresses_flags_and_payload() -> None:
    packet = example()
    assert (packet.family, packet.src, packet.dst) == (4, "192.0.2.2", "192.0.2.1")
    assert (packet.guest_port, packet.peer_port) == (GUEST_PORT, PEER.port)
    assert (packet.flags, packet.payload) == (FIN | ACK, b"bye")


def test_the_position_of_a_fin_is_behind_the_payload() -> None:
    assert example().position == (Wire.GUEST_ISN + 1 + 3) % 2**32


def test_ethernet_padding_is_not_payload() -> None:
    assert parse(example().raw + bytes(20)).payload == b"bye"


@given(st.binary(max_size=100))
def test_a_frame_of_anything_is_kept_as_it_is(frame: bytes) -> None:
    assert parse(frame).raw == frame


@given(st.data())
def test_no_change_of_a_frame_is_a_surprise(data: st.DataObject) -> None:
    frame = bytearray(example().raw)
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    packet = parse(bytes(frame[: data.draw(st.integers(0, len(frame)))]))
    assert repr(packet)


@given(st.data())
def test_a_case_and_the_reader_of_any_capture_see_the_same_header(data: st.DataObject) -> None:
    frame = bytearray(example().raw)
    frame[data.draw(st.integers(12, len(frame) - 1))] = data.draw(st.integers(0, 255))
    packet, found = parse(bytes(frame)), segment(ETHERNET, bytes(frame))
    if isinstance(found, CapturedSegment):
        assert (packet.seq, packet.ack, packet.window) == (found.seq, found.ack, found.window)
    else:
        assert not packet.family
