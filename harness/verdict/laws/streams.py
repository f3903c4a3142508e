# SPDX-License-Identifier: Apache-2.0
"""Laws of the two byte streams: what was sent is on the wire, what came in was on the wire, in order."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest

from harness.core.abi import StepKind
from harness.core.errors import EvidenceLost
from harness.core.ntstatus import STATUS_PENDING, nt_success
from harness.evidence import Event
from harness.evidence.operation_traces import CallbackCall
from harness.scenario import Callback, Operation
from harness.scenario.values import WSK_FLAG_DRAIN, WSK_FLAG_WAITALL
from harness.verdict.laws.connection import TcpConnection
from harness.verdict.laws.law import Violation
from harness.verdict.laws.socket_story import Call, SocketStory, one_behind_the_other
from harness.verdict.laws.story import Story
from harness.wire import Packet

_MANY = 4096  # bytes: of longer ones that are cut short, only some lengths are tried


def sent_bytes(story: Story) -> Iterator[Violation]:
    """The guest's stream is the data of its sends in order and then the disconnect's, and nothing else."""
    for sock in story.sockets:
        connection = None if sock.misused or story.ill_used(sock) else sock.wire()
        if connection is None or not connection.established:
            continue
        yield from _behind_fin(sock, connection)
        handed = [call for call in sock.calls if call.operation and _hands_over(call)]
        yield from _as_handed(story, sock, connection, handed)


def _hands_over(call: Call) -> bool:
    return call.kind in (StepKind.SEND, StepKind.CONNECT_EX, StepKind.DISCONNECT) and bool(_data(call))


def _data(call: Call) -> bytes:
    return call.operation.data if call.operation else b""


def _behind_fin(sock: SocketStory, connection: TcpConnection) -> Iterator[Violation]:
    fin = next(iter(connection.guest.fins), None)
    for packet in connection.guest.loaded if fin else ():
        if fin and connection.guest.end(packet) > connection.guest.end(fin):
            text = f"nothing follows the FIN of {sock}, and the guest sent {packet.numbered}"
            yield Violation("D-19", text, packets=(fin, packet))
            return


def _as_handed(
    story: Story, sock: SocketStory, connection: TcpConnection, handed: Sequence[Call]
) -> Iterator[Violation]:
    if connection.guest.misses:
        raise EvidenceLost(f"bytes of {sock}'s stream are not in the capture")
    ends: dict[Call, int] = {}
    if all(one_behind_the_other(first, second) for first, second in pairwise(handed)):
        wrong, ends = _in_order(story, sock, connection, handed)
    else:
        wrong = _in_any_order(sock, connection, handed)
    if wrong is not None:
        yield wrong
        return
    for call in handed:
        if call.kind == StepKind.SEND and call.completion is not None and call.succeeded:
            end = ends.get(call, _least(handed, call.completion))
            yield from _acknowledged(story, sock, connection, call, end)


def _least(handed: Sequence[Call], last: Event) -> int:
    """Bytes of the sends that had succeeded by then: no less was acknowledged, whatever their order."""
    sends = [call for call in handed if call.kind == StepKind.SEND and call.succeeded]
    done = [call for call in sends if call.completion and call.completion.sequence <= last.sequence]
    return sum(len(_data(call)) for call in done)


def _in_order(
    story: Story, sock: SocketStory, connection: TcpConnection, handed: Sequence[Call]
) -> tuple[Violation | None, dict[Call, int]]:
    """The violation, or else where in the stream each call's data ends, where that is certain."""
    stream = connection.guest.stream
    places, ends = {0}, {}
    for call in handed:
        data, owed = _data(call), _owed(sock, connection, call)
        following = {
            place + size for place in places for size in _sizes(stream, place, data, owed, sock, call)
        }
        before = handed[: handed.index(call)]
        if not following:
            _require_certainty(sock, connection, before)
            place = max(places)
            row = "D-03" if call.kind == StepKind.DISCONNECT else "D-17"
            have = _common(stream, place, data)
            text = f"all {len(data)} bytes of {call} are in the stream from byte {place} on, and {have} were"
            return Violation(row, text, _events(call), tuple(connection.guest.fins[:1])), {}
        places = following
        if len(places) == 1:
            ends[call] = next(iter(places))
    if len(stream) not in places:
        _require_certainty(sock, connection, handed)
        place = max(places)
        packet = next((each for each in connection.guest.loaded if connection.guest.end(each) > place), None)
        row = "D-19" if any(_late(sock, call) for call in handed) else "D-17"
        text = (
            f"the guest's stream has {len(stream)} bytes, of which nobody asked to send those from {place} on"
        )
        return Violation(row, text, packets=(packet,) if packet else ()), {}
    return None, ends


def _require_certainty(sock: SocketStory, connection: TcpConnection, handed: Sequence[Call]) -> None:
    """EvidenceLost where a long call may have been cut short: not every length of it was tried."""
    for call in handed:
        if len(_data(call)) > _MANY and not _owed(sock, connection, call):
            raise EvidenceLost(f"how many bytes of {call} went out cannot be told")


def _in_any_order(sock: SocketStory, connection: TcpConnection, handed: Sequence[Call]) -> Violation | None:
    """Counts the bytes of calls that overlap: nobody says which is first, nor that one goes out whole."""
    have = len(connection.guest.stream)
    sizes = {call: 0 if _late(sock, call) else len(_data(call)) for call in handed}
    least = sum(size for call, size in sizes.items() if _owed(sock, connection, call))
    most = sum(sizes.values())
    if least <= have <= most:
        return None
    text = f"{len(handed)} calls have {least} to {most} bytes to send, and the guest's stream has {have}"
    return Violation("D-17", text, tuple(call.called for call in handed))


def _sizes(
    stream: bytes, place: int, data: bytes, owed: bool, sock: SocketStory, call: Call
) -> Iterator[int]:
    """How many of a call's bytes may be at that place of the stream."""
    if _late(sock, call):
        yield 0
        return
    common = _common(stream, place, data)
    if owed:
        if common == len(data):
            yield common
    elif common <= _MANY:
        yield from range(common + 1)
    else:
        yield from (0, *range(common - _MANY, common + 1))


def _common(stream: bytes, place: int, data: bytes) -> int:
    """How many bytes are the same."""
    there = stream[place : place + len(data)]
    if there == data[: len(there)]:
        return len(there)
    low, high = 0, len(there)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if there[:middle] == data[:middle] else (low, middle)
    return low


def _owed(sock: SocketStory, connection: TcpConnection, call: Call) -> bool:
    """Must all its data be on the wire: as it succeeded, or as a FIN is there that comes behind it?"""
    if call.kind == StepKind.SEND and call.succeeded:
        return True
    first = next(iter(sock.endings), None)
    if first is None or first not in sock.graceful or not connection.guest.fins or sock.cancelled(first):
        return False
    if not first.succeeded and len(sock.graceful) > 1:
        return False  # it may have been refused, and the FIN another's
    if call.kind == StepKind.DISCONNECT:
        # Of two threads that disconnect it at once either may be the first.
        alone = all(one_behind_the_other(first, other) for other in sock.endings if other is not first)
        return call is first and alone and not (call.operation and call.operation.flags)
    waits = call.pended and not call.over_before(first.called) and not call.lacked_memory
    if call.operation and call.operation.flags:
        return False  # it may have been refused for them
    return (
        call.kind == StepKind.SEND
        and waits
        and not sock.cancelled(call)
        and one_behind_the_other(call, first)
    )


def _late(sock: SocketStory, call: Call) -> bool:
    """Was it called after the socket had been disconnected, so that no byte of it may go out?"""
    return any(
        other.succeeded and other.over_before(call.called) and sock.made_before(other.called)
        for other in sock.of(StepKind.DISCONNECT)
        if other is not call and not _odd(other)
    )


def _odd(call: Call) -> bool:
    return call.operation is not None and call.operation.flags & ~1 != 0


def _acknowledged(
    story: Story, sock: SocketStory, connection: TcpConnection, call: Call, end: int
) -> Iterator[Violation]:
    """A send that succeeded tells its length, and its data had been acknowledged."""
    completion = call.completion
    if completion is None:
        return
    if completion.information != len(_data(call)):
        text = f"{call} sent {len(_data(call))} bytes, and its Information is {completion.information}"
        yield Violation("X-15", text, (completion,))
    found = connection.guest.acknowledgement(end)
    aborted = any(abort.before(completion) for abort in sock.aborts)
    row = "D-27" if aborted else "X-15"
    if found is None:
        text = f"{call} succeeded, and its data was never acknowledged"
        yield Violation(row, text, _events(call))
    elif story.surely_before(completion, found):
        text = f"{call} succeeded before its data was acknowledged, which {found!r} did"
        yield Violation(row, text, (completion,), (found,))


def late_calls_fail(story: Story) -> Iterator[Violation]:
    """Once a socket is disconnected a send fails; once it is aborted a receive gets nothing newer."""
    for sock in story.sockets:
        if sock.misused or story.ill_used(sock):
            continue
        for call in sock.of(StepKind.SEND):
            if call.succeeded and _data(call) and _late(sock, call):
                row = "D-29" if sock.aborts else "D-19"
                text = f"{sock} had been disconnected, so {call} fails, and it succeeded"
                yield Violation(row, text, _events(call))
        abort = next((call for call in sock.aborts if call.succeeded and sock.made_before(call.called)), None)
        connection = sock.wire() if abort and abort.ended else None
        if connection is None or abort is None or abort.ended is None:
            continue
        for call in sock.of(StepKind.RECEIVE):
            asks = call.operation is not None and call.operation.buffer and call.operation.buffer.length
            is_late = asks and call.succeeded and abort.over_before(call.called)
            if is_late and not _had_more(story, sock, connection, abort.ended):
                text = f"{sock} had been aborted with nothing unread, so {call} fails, and it succeeded"
                yield Violation("D-30", text, (abort.ended, *_events(call)))


def _had_more(story: Story, sock: SocketStory, connection: TcpConnection, ended: Event) -> bool:
    """May the peer's FIN, or data that nobody had read, have come before the abort had ended?"""
    before = [each for each in connection.peer.packets if not story.surely_before(ended, each)]
    came = max((connection.peer.end(each) for each in before), default=0)
    fin = any(each in before for each in connection.peer.fins)
    return fin or came > taken_before(sock, ended)


def received_bytes(story: Story) -> Iterator[Violation]:
    """What receives and indications got, in order, is what the peer sent."""
    for sock in story.sockets:
        connection = None if sock.misused or story.ill_used(sock) else sock.wire()
        receives = sock.of(StepKind.RECEIVE)
        for call in receives:
            yield from _fits(call)
        if connection is None or not connection.established:
            continue
        for call in receives:
            yield from _has_reason(story, sock, connection, call)
        yield from _as_sent(story, sock, connection, receives)


def _fits(call: Call) -> Iterator[Violation]:
    size = call.operation.buffer.length if call.operation and call.operation.buffer else 0
    if call.completion and call.succeeded and call.completion.information > size and not _drains(call):
        text = f"{call} has room for {size} bytes, and its Information is {call.completion.information}"
        yield Violation("X-34", text, (call.completion,))


def _drains(call: Call) -> bool:
    return bool(call.operation and call.operation.flags & WSK_FLAG_DRAIN)


def _has_reason(
    story: Story, sock: SocketStory, connection: TcpConnection, call: Call
) -> Iterator[Violation]:
    """A receive succeeds without bytes, or with less than it wants, for an end of the connection only."""
    completion = call.completion
    size = call.operation.buffer.length if call.operation and call.operation.buffer else 0
    if completion is None or not call.succeeded or story.addresses_may_go:
        return
    waits = bool(call.operation and call.operation.flags & WSK_FLAG_WAITALL)
    ends_with_abort = waits or _drains(call)
    short = _drains(call) or (size > 0 and completion.information < (size if waits else 1))
    if not short or _ended_by_client(story, sock, call, completion):
        return
    if story.a_cancel_aborted(sock, connection):
        return
    reset = next((each for each in connection.peer.resets if not story.surely_before(completion, each)), None)
    if any(not story.surely_before(completion, fin) for fin in connection.peer.fins):
        found_end = size > 0 and (waits or not completion.information)
        lost = reset and ends_with_abort  # a RST may take along what nobody had received
        if found_end and not lost and _is_short(story, sock, connection):
            text = f"{call} found the end of the stream, and not all that precedes it was received"
            yield Violation("X-34", text, (call.called, completion), tuple(connection.peer.fins[:1]))
        return
    given_up = reset or connection.is_unanswered(story.at(completion).latest)
    if given_up and ends_with_abort:
        return
    row = "X-17" if ends_with_abort else "X-06" if reset else "X-16"
    text = f"the peer had not ended its direction, and {call} succeeded with {completion.information} bytes"
    yield Violation(row, text, (call.called, completion), (reset,) if reset else ())


def _is_short(story: Story, sock: SocketStory, connection: TcpConnection) -> bool:
    """Did the client get less than the peer sent, and can nothing have got the rest?"""
    receives = sock.of(StepKind.RECEIVE)
    visits = [visit for callback, visit in sock.callbacks if callback == Callback.RECEIVE]
    ended = all(call.succeeded and not _drains(call) for call in receives)
    cancelled = any(sock.cancelled(call) for call in (*receives, *sock.graceful))
    if not ended or cancelled or any(visit.leave is None for visit in visits):
        return False
    return connection.peer.whole and taken_before(sock) < len(connection.peer.stream)


def _ended_by_client(story: Story, sock: SocketStory, call: Call, completion: Event) -> bool:
    """Had the client aborted, closed or cancelled before that call completed?"""
    if story.cleanup and story.cleanup.sequence < completion.sequence:
        return True
    ends = [each for each in sock.endings if each not in sock.graceful or _odd(each)]
    # What becomes of a connection whose graceful disconnect is cancelled nobody says: it may be aborted.
    # A plain receive of no bytes says that the stream is at its end, also one that was cancelled.
    waits = call.operation is not None and call.operation.flags & (WSK_FLAG_WAITALL | WSK_FLAG_DRAIN)
    cancels = [sock.cancelled(each) for each in (*([call] if waits else []), *sock.graceful)]
    cancelled = any(cancel and cancel.sequence < completion.sequence for cancel in cancels)
    return cancelled or any(each.before(completion) for each in ends)


def _as_sent(
    story: Story, sock: SocketStory, connection: TcpConnection, receives: Sequence[Call]
) -> Iterator[Violation]:
    visits = [visit for callback, visit in sock.callbacks if callback == Callback.RECEIVE]
    taken = [visit for visit in visits if _taken(visit)]
    total = sum(map(_taken, taken)) + sum(map(_information, receives))
    stream = connection.peer.stream
    if connection.peer.whole and total > len(stream):
        text = f"the peer sent {len(stream)} bytes, and {sock} got {total}"
        yield Violation("X-34", text, tuple(visit.enter for visit in taken))
        return
    received = list(_received(story, receives))
    indicated = list(_indicated(story, sock, taken))
    if taken and any(map(_information, receives)):
        yield from _mixed(sock, connection, received, indicated)
        return  # which of them came first is not always to be told
    place = 0
    for data, event in [*received, *indicated]:
        if data is None:
            return
        have = stream[place : place + len(data)]
        if have != data and (connection.peer.whole or not data.startswith(have)):
            where = place + _common(stream, place, data)
            text = f"what {sock} got differs from what the peer sent from byte {where} on"
            yield Violation("X-34", text, (event,), _carriers(connection, where))
            return
        place += len(data)


def _mixed(
    sock: SocketStory,
    connection: TcpConnection,
    received: Sequence[tuple[bytes | None, Event]],
    indicated: Sequence[tuple[bytes | None, Event]],
) -> Iterator[Violation]:
    """Receives and indications, each in order, are the stream in some order of both."""
    stream = connection.peer.stream
    ways = [[data for data, _ in each] for each in (received, indicated)]
    if not connection.peer.whole or any(None in way for way in ways) or not indicated:
        return
    first, second = ([data or b"" for data in way] for way in ways)
    known = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        i, j = waiting.pop()
        if (i, j) == (len(first), len(second)):
            return
        place = sum(map(len, first[:i])) + sum(map(len, second[:j]))
        for data, after in ((first[i : i + 1], (i + 1, j)), (second[j : j + 1], (i, j + 1))):
            if data and after not in known and stream.startswith(data[0], place):
                known.add(after)
                waiting.append(after)
    text = f"what receives and indications of {sock} got is in no order what the peer sent"
    yield Violation("X-34", text, tuple(event for _, event in (*received, *indicated)))


def _received(story: Story, receives: Sequence[Call]) -> Iterator[tuple[bytes | None, Event]]:
    """The data of each receive in order; None from where on some may have gone elsewhere."""
    for call, following in zip_longest(receives, receives[1:]):
        completion = call.completion
        overlaps = following and call.returned and call.returned.sequence > following.called.sequence
        if overlaps or completion is None or _drains(call) or (call.pended and not call.succeeded):
            yield None, call.called
            return
        if call.operation and call.succeeded:
            yield story.timeline.data(call.operation), completion


def _indicated(
    story: Story, sock: SocketStory, taken: Sequence[CallbackCall]
) -> Iterator[tuple[bytes | None, Event]]:
    """The bytes that the one handler of the socket's indications kept of each, with its event."""
    handlers = [
        operation
        for operation in story.plan.operations
        if operation.kind == StepKind.ON_EVENT
        and operation.socket is sock.socket
        and operation.callback == Callback.RECEIVE
    ]
    if taken and len(handlers) == 1 and handlers[0].result and _is_set(story, handlers[0], taken[0].enter):
        kept = story.timeline.result(handlers[0])
        place = 0
        for visit in taken:
            following = min(place + _taken(visit), len(kept))
            yield kept[place:following], visit.enter
            place = following


def _is_set(story: Story, handler: Operation, event: Event) -> bool:
    """Had its strand come to the handler before that event? A call of a later step of it tells."""
    return any(
        call.before(event)
        and call.operation is not None
        and not call.operation.hooked
        and call.operation.strand == handler.strand
        and call.operation.number > handler.number
        for call in story.calls
    )


def _taken(visit: CallbackCall) -> int:
    """Bytes that a receive event's callback took or retained."""
    leave = visit.leave
    if leave is None or visit.enter.nothing:
        return 0
    return leave.information if nt_success(leave.status) or leave.status == STATUS_PENDING else 0


def _information(call: Call) -> int:
    return call.completion.information if call.completion and call.succeeded and not _drains(call) else 0


def taken_before(sock: SocketStory, event: Event | None = None) -> int:
    """Bytes of the peer's that the client had got before that event, or in all."""
    last = math.inf if event is None else event.sequence
    total = sum(
        _information(call)
        for call in sock.of(StepKind.RECEIVE)
        if call.completion and call.completion.sequence < last
    )
    return total + sum(
        _taken(visit)
        for callback, visit in sock.callbacks
        if callback == Callback.RECEIVE and visit.leave and visit.leave.sequence < last
    )


def unread(story: Story, sock: SocketStory, connection: TcpConnection) -> bool:
    """May there be data of the peer's that the client never got?"""
    return not connection.peer.whole or taken_before(sock) != len(connection.peer.stream)


def _events(call: Call) -> tuple[Event, ...]:
    return (call.called, *([call.completion] if call.completion else []))


def _carriers(connection: TcpConnection, place: int) -> tuple[Packet, ...]:
    carrier = next((each for each in connection.peer.loaded if connection.peer.end(each) > place), None)
    return (carrier,) if carrier else ()
