# SPDX-License-Identifier: Apache-2.0
"""A corpus of captures is read as Wireshark reads it, frame by frame; what differs is in one table."""

import io
import shutil
from dataclasses import dataclass

import pytest
from capture_corpus import Sample, corpus
from odd_captures import odd_captures
from sharkd import Dissected, dissected

from harness.core.errors import EvidenceLost, UsageError
from harness.wire.capture_file import frames
from harness.wire.connections import Connections, PlacedPacket
from harness.wire.pcapng import Frame
from harness.wire.segments import ETHERNET, NULL, Aside, CapturedSegment, Fragment, segment

pytestmark = pytest.mark.skipif(not shutil.which("sharkd"), reason="needs sharkd, of Wireshark's programs")

_LOOSE_ROUTE = 131  # an option of IPv4
_LAST_HEADERS = (135, 139)  # Mobility (RFC 6275, 6.1.1) and HIP (RFC 7401, 5.1)

EXPLAINED = {
    "tunnel": "TCP in GRE, VXLAN, Geneve and IP in IP: Wireshark looks into tunnels, we name them.",
    "cut fragments": "Fragments of which not all was kept: Wireshark shows the first by what it holds, we "
    "add up the lengths of all, which were on the wire.",
    "link": "802.11, PF_LOG and other link types that are not read: we say which.",
    "family": "A NULL link that names IPv6 by Linux's number: Wireshark knows those of others.",
    "source route": "A source route that is not at its end: Wireshark takes its last address for the target, "
    "we take the header's, which both directions share.",
    "many headers": "More than 16 extension headers of IPv6 in a row: a bound of ours.",
    "mobility": "TCP behind an IPv6 header of Mobility or of HIP, which are to be the last: Wireshark stops "
    "there.",
    "no length": "An IPv6 packet of no length: Wireshark wants a jumbogram, we take what was sent, as of a "
    "network card that splits.",
    "records": "Custom and journal blocks of pcapng: Wireshark numbers them like frames, we pass over them.",
    "copy": "The same segment in another interface within 200 us: Wireshark calls it a retransmission, we "
    "leave it out as the copy that Windows' Packet Monitor makes in each component.",
}
EXPLAINED_BY_DAMAGE = {
    "refused": "A damaged option of a packet, or one of an interface that is not read: Wireshark stops "
    "there, we read what needs no such option.",
    "contradiction": "A damaged frame whose lengths contradict each other: Wireshark shows the ports and "
    "numbers that it finds, we call it malformed or cut.",
    "beginning": "Packets of a connection with damaged sequence numbers or flags: where it begins, and what "
    "counts as 0, is a guess on both sides.",
}


@dataclass(frozen=True)
class Disagreement:
    sample: Sample
    number: int  # of the frame
    ours: Dissected
    theirs: Dissected
    why: str  # a key of the tables above, or empty

    def __str__(self) -> str:
        return f"{self.sample.name}, frame {self.number}: {self.ours}, but Wireshark has {self.theirs}"


class Reading:
    """A sample as we read it."""

    def __init__(self, sample: Sample) -> None:
        self.found = Connections()
        self.frames: list[tuple[Frame, list[PlacedPacket], bool]] = []  # and whether it was a copy
        try:
            for frame in frames(io.BytesIO(sample.data)):
                copies = self.found.copies
                placed = self.found.place(frame)
                self.frames.append((frame, placed, self.found.copies > copies))
        except (EvidenceLost, UsageError):
            if not sample.is_damaged:
                raise
        self.rest = self.found.finish()

    @property
    def is_cut(self) -> bool:
        return any(len(frame.data) < frame.sent for frame, _, _ in self.frames)

    def seen(self, number: int) -> Dissected:
        frame, placed, _ = self.frames[number]
        if not placed:
            return Dissected(frame.time_ns)
        connection, sender, _, one = placed[-1]
        seq, ack = connection.relative(sender, one)
        return Dissected(
            frame.time_ns,
            connection.number,
            seq % 2**32,
            None if ack is None else ack % 2**32,
            one.length,
            one.flags,
        )


def differences(sample: Sample, theirs: list[Dissected]) -> list[Disagreement]:
    reading = Reading(sample)
    ours = [reading.seen(number) for number in range(len(reading.frames))]
    streams: dict[int | None, int | None] = {None: None}
    found = []
    if len(ours) != len(theirs):
        why = "refused" if sample.is_damaged and len(theirs) < len(ours) else ""
        if len(theirs) > len(ours) and all(each.stream is None for each in theirs[len(ours) :]):
            why = "records"
        found.append(Disagreement(sample, 0, Dissected(len(ours)), Dissected(len(theirs)), why))
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        if other.stream is not None:
            streams.setdefault(mine.stream, other.stream)
        time_ns = other.time_ns if mine.time_ns is None else mine.time_ns
        mapped = mine._replace(stream=streams.get(mine.stream), time_ns=time_ns)
        if mapped != other:
            why = explained(sample, reading, number, mine, other)
            found.append(Disagreement(sample, number + 1, mine, other, why))
    return found


def explained(sample: Sample, reading: Reading, number: int, ours: Dissected, theirs: Dissected) -> str:
    frame, _, is_copy = reading.frames[number]
    what = segment(frame.link, frame.data, frame.sent)
    if is_copy and ours.stream is None:
        return "copy"
    if isinstance(what, Fragment) and reading.is_cut:
        return "cut fragments"
    if not isinstance(what, CapturedSegment | Fragment) and "tunnel" in str(what):
        return "tunnel"
    if why := explained_by_headers(frame, what):
        return why
    if not sample.is_damaged:
        return ""
    return "contradiction" if ours.stream is None or theirs.stream is None else "beginning"


def explained_by_headers(frame: Frame, what: CapturedSegment | Fragment | Aside) -> str:
    if what is Aside.LINK:
        return "link"
    if frame.link == NULL:
        return "family"
    inner = frame.data[14:]
    if frame.link != ETHERNET or len(inner) < 21:
        return ""
    if inner[0] >> 4 == 4:
        return "source route" if inner[0] & 15 > 5 and inner[20] == _LOOSE_ROUTE else ""
    if what is Aside.MALFORMED:
        return "many headers"
    if inner[6] in _LAST_HEADERS:
        return "mobility"
    return "" if any(inner[4:6]) else "no length"


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [*corpus(), *odd_captures()]


@pytest.fixture(scope="module")
def found(samples: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> list[Disagreement]:
    folder = tmp_path_factory.mktemp("corpus")
    for sample in samples:
        (folder / sample.name).write_bytes(sample.data)
    theirs = dissected([folder / sample.name for sample in samples], folder)
    return [one for pair in zip(samples, theirs, strict=True) for one in differences(*pair)]


def test_the_corpus_is_large_and_always_the_same(samples: list[Sample]) -> None:
    assert len({sample.name for sample in samples}) == len(samples) >= 400
    assert [*corpus(), *odd_captures()] == samples
    assert sum(sample.is_damaged for sample in samples) >= 20


def test_no_difference_is_without_its_explanation(found: list[Disagreement]) -> None:
    assert [str(one) for one in found if not one.why] == []


def test_no_explanation_is_without_its_difference(found: list[Disagreement]) -> None:
    """Some versions of Wireshark report more damage than others."""
    assert {one.why for one in found} - set(EXPLAINED_BY_DAMAGE) == set(EXPLAINED)


def test_what_each_connection_comes_to_is_the_sum_of_its_frames(samples: list[Sample]) -> None:
    """Packets, bytes, and the time from the earliest stamp to the latest."""
    for sample in samples:
        reading = Reading(sample)
        placed = [*reading.rest, *(one for _, packets, _ in reading.frames for one in packets)]
        for connection in reading.found.table:
            own = [one for one in placed if one.connection is connection]
            times = [one.time_ns for one in own if one.time_ns is not None]
            assert connection.packets == [sum(one.sender == end for one in own) for end in (0, 1)]
            assert sum(connection.bytes) == sum(one.seen.length for one in own)
            assert connection.lasts_ns == (max(times) - min(times) if times else None)
