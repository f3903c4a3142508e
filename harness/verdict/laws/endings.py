# SPDX-License-Identifier: Apache-2.0
"""Laws of how a connection ends: FINs and RSTs have causes, and what causes them puts them on the wire."""

import math
from collections.abc import Iterator

from harness.core.abi import StepKind
from harness.evidence import Event
from harness.scenario import Callback
from harness.verdict.laws.connection import TcpConnection
from harness.verdict.laws.law import Violation
from harness.verdict.laws.socket_story import Call, SocketStory
from harness.verdict.laws.story import Story
from harness.verdict.laws.streams import unread
from harness.wire import ACK, FIN, RST, Packet


def _on_wire(story: Story) -> Iterator[tuple[SocketStory, TcpConnection]]:
    """Sockets that the client used as it should, with the connections that they had."""
    for sock in story.sockets:
        connection = None if sock.misused or story.ill_used(sock) else sock.wire()
        if connection is not None and connection.established:
            yield sock, connection


def fin_has_a_cause(story: Story) -> Iterator[Violation]:
    """A FIN comes of a graceful disconnect alone, and has one place for all its repetitions."""
    for sock, connection in _on_wire(story):
        fins = connection.guest.fins
        for fin in fins[1:]:
            if connection.guest.end(fin) != connection.guest.end(fins[0]):
                text = f"the FIN of {sock} has one place in its stream, and had two"
                yield Violation("D-17", text, packets=(fins[0], fin))
        if fins and not _caused(story, sock.graceful, fins[0]) and not _cleaned(story, fins[0]):
            ending = next((call for call in sock.endings if _caused(story, [call], fins[0])), None)
            row = "C-02" if ending is None else "D-07" if ending.kind == StepKind.DISCONNECT else "C-17"
            text = f"{sock} was not disconnected gracefully, and the guest sent {fins[0].numbered}"
            yield Violation(row, text, tuple(call.called for call in sock.endings), (fins[0],))


def rst_has_a_cause(story: Story) -> Iterator[Violation]:
    """A RST comes of an abort, of a close while a direction is open, or of what the peer does wrong."""
    for sock, connection in _on_wire(story):
        reset = connection.guest_reset
        if reset is None or not connection.peer.whole or story.addresses_may_go:
            continue
        if _answers_what_is_late(connection, reset) or connection.is_unanswered(reset.time_ns):
            continue
        if not _has_cause(story, sock, reset):
            row = "D-08" if sock.graceful else "X-22" if sock.listener else "C-02"
            text = f"{sock} was neither aborted nor closed, and the guest sent {reset.numbered}"
            yield Violation(row, text, tuple(call.called for call in sock.endings), (reset,))
        elif _both_ended_before(story, sock, connection, reset):
            sent = f"and the guest sent {reset.numbered}"
            text = f"both directions of {sock} had ended before {sock.close}, {sent}"
            events = (sock.close.called,) if sock.close else ()
            yield Violation("C-18", text, events, (*connection.guest.fins[:1], reset))


def _answers_what_is_late(connection: TcpConnection, reset: Packet) -> bool:
    """Was it over, and has the peer said something since? TCP owes that a RST (RFC 9293, 3.10.7.1)."""
    ends = [packet.index for packet in (connection.peers_last_word, connection.peer_reset) if packet]
    return bool(ends) and any(min(ends) < each.index < reset.index for each in connection.peer.packets)


def _has_cause(story: Story, sock: SocketStory, reset: Packet) -> bool:
    ends = [call for call in sock.endings if call not in sock.graceful or _is_odd(call)]
    cancels = [sock.cancelled(call) for call in sock.calls if call.kind != StepKind.RECEIVE]
    cancelled = any(cancel and not story.surely_after(cancel, reset) for cancel in cancels)
    return cancelled or _caused(story, ends, reset) or _cleaned(story, reset)


def _is_odd(call: Call) -> bool:
    """A disconnect with flags that nobody defined."""
    return call.operation is not None and call.operation.flags != 0


def _both_ended_before(story: Story, sock: SocketStory, connection: TcpConnection, reset: Packet) -> bool:
    """Was it over in both directions, all read, and has the peer said nothing since, when the close came?"""
    over, last = connection.both_ended, connection.peers_last_word
    if over is None or last is None or sock.close is None or sock.aborts or over.index > reset.index:
        return False
    if any(sock.cancelled(call) for call in sock.calls) or _cleaned(story, reset):
        return False
    if not _knows_both_ends(sock, sock.close.called):
        return False
    said = any(last.index < each.index < reset.index for each in connection.peer.packets)
    return not said and not unread(story, sock, connection)


def _knows_both_ends(sock: SocketStory, event: Event) -> bool:
    """Had the guest told its client of both ends? What is on the wire it may not have heard yet."""
    own = any(call.succeeded and call.over_before(event) for call in sock.graceful)
    told = any(
        callback == Callback.DISCONNECT and visit.enter.sequence < event.sequence
        for callback, visit in sock.callbacks
    )
    return own and (
        told or any(_is_end(call) and call.over_before(event) for call in sock.of(StepKind.RECEIVE))
    )


def _is_end(call: Call) -> bool:
    """A receive that found the end of the stream."""
    return call.succeeded and call.completion is not None and not call.completion.information


def end_is_told(story: Story) -> Iterator[Violation]:
    """An abort, or a close of a connection that has not ended in both directions, sends a RST."""
    for sock, connection in _on_wire(story):
        end = next((call for call in (*sock.aborts, *sock.of(StepKind.CLOSE)) if call.succeeded), None)
        if end is None or end.ended is None or connection.guest.resets or story.addresses_may_go:
            continue
        if sock.silenced or not sock.made_before(end.called) or _may_be_over(story, sock, end):
            continue
        row, what = ("C-17", "closed") if end is sock.close else ("D-07", "aborted")
        text = f"{sock} was {what} while a direction was open, and the guest sent no RST"
        yield Violation(row, text, (end.called, end.ended), tuple(connection.guest.fins[:1]))


def aborts_succeed(story: Story) -> Iterator[Violation]:
    """The first abort of a connection that stands succeeds, also while a graceful disconnect is pending."""
    for sock, connection in _on_wire(story):
        abort = next(iter(sock.aborts), None)
        if abort and abort.operation and abort.operation.buffer:
            continue  # it may be refused
        done = abort.completion if abort else None
        if abort is None or done is None or abort.succeeded or abort.lacked_memory or story.addresses_may_go:
            continue
        if sock.silenced or not sock.made_before(abort.called) or not connection.peer.whole:
            continue
        if any(other.succeeded and other.before(done) for other in sock.aborts[1:]):
            continue  # of two threads that abort it at once either may be the first
        if any(_is_odd(other) and other.before(done) for other in sock.graceful):
            continue  # what one with flags that nobody defined did before is open
        if any(sock.cancelled(call) for call in sock.calls) or _may_be_over(story, sock, abort):
            continue
        asked = next((call for call in sock.graceful if call.before(abort.called)), None)
        if asked is not None and asked.over_before(abort.called) and not asked.succeeded:
            continue
        if not (sock.close and sock.close.before(done)):
            row = "D-24" if asked else "D-28"
            text = f"nothing had ended {sock}, and {abort} came to {abort.status}"
            yield Violation(row, text, (abort.called, done))


def _may_be_over(story: Story, sock: SocketStory, end: Call) -> bool:
    """May the connection have ended otherwise before that call did: by a RST, both FINs, or a silent peer?"""
    connection, ended = sock.connection, end.ended
    if connection is None or ended is None or _cleaned_before(story, ended):
        return True
    if connection.is_unanswered(story.at(end.called).latest):
        return True
    if any(not story.surely_before(ended, reset) for reset in connection.peer.resets):
        return True
    fins = connection.peer.fins[:1]
    asked = any(call.before(ended) for call in sock.graceful)
    if asked and any(not story.surely_before(ended, fin) for fin in fins):
        return True
    return any(
        call.over_before(end.called) and call.pended and not call.succeeded and not sock.cancelled(call)
        for call in sock.calls
    )


def graceful_ends_as_it_says(story: Story) -> Iterator[Violation]:
    """A graceful disconnect succeeds when its FIN was acknowledged, and fails only for a cause."""
    for sock, connection in _on_wire(story):
        call = next(iter(sock.endings), None)
        if call not in sock.graceful or call is None or _is_odd(call) or call.completion is None:
            continue
        if story.addresses_may_go:
            continue
        if not sock.made_before(call.called) or _races_silence(sock, call):
            continue
        if sock.silenced and sock.silenced.succeeded:
            if call.succeeded:
                text = f"in silent mode {call} fails, and it succeeded"
                yield Violation("X-14", text, (call.completion,))
        elif not _interfered(story, sock, call):
            if call.succeeded:
                yield from _success(story, sock, connection, call, call.completion)
            elif not sock.cancelled(call) and not story.a_cancel_aborted(sock, connection):
                yield from _failure(story, connection, call, call.completion)


def _races_silence(sock: SocketStory, call: Call) -> bool:
    """Was it in progress when the socket came into silent mode? Either may have been first."""
    silenced = sock.silenced
    return silenced is not None and silenced.succeeded and not silenced.over_before(call.called)


def _interfered(story: Story, sock: SocketStory, call: Call) -> bool:
    """Did the client do anything else than cancel it that may have ended it?"""
    completion = call.completion
    if completion is None or _cleaned_before(story, completion):
        return True
    return any(other is not call and other.before(completion) for other in sock.endings)


def _success(
    story: Story, sock: SocketStory, connection: TcpConnection, call: Call, completion: Event
) -> Iterator[Violation]:
    cancelled = sock.cancelled(call) is not None
    reset = connection.peer_reset
    if reset and not story.surely_before(call.called, reset):
        return
    fin = next(iter(connection.guest.fins), None)
    acknowledged = connection.guest.end_acknowledgement
    if fin is None and reset:
        return  # the socket may have been dead when the provider saw to the call
    if fin is None:
        text = f"{call} succeeded, and the guest sent no FIN"
        yield Violation("X-18" if cancelled else "D-16", text, (call.called, completion))
    elif acknowledged is None:
        text = f"{call} succeeded, and {fin!r} was never acknowledged"
        packets = (fin, reset) if reset else (fin,)
        row = "X-32" if reset else "X-18" if cancelled else "D-22"
        yield Violation(row, text, (call.called, completion), packets)
    elif story.surely_before(completion, acknowledged):
        text = f"{call} succeeded before {fin!r} was acknowledged, which {acknowledged!r} did"
        yield Violation("X-18" if cancelled else "D-22", text, (completion,), (fin, acknowledged))


def _failure(story: Story, connection: TcpConnection, call: Call, completion: Event) -> Iterator[Violation]:
    reset = connection.peer_reset
    if not connection.peer.whole or not connection.peer_heard_all or call.lacked_memory:
        return
    if _has_empty_buffer(call) or connection.is_unanswered(story.at(completion).latest):
        return
    if reset is None or story.surely_before(completion, reset):
        text = f"nothing kept {call} from disconnecting, and it came to {completion.io_status}"
        yield Violation("D-01", text, (call.called, completion), tuple(connection.guest.fins[:1]))


def _has_empty_buffer(call: Call) -> bool:
    """A WSK_BUF of no bytes: nobody says whether a disconnect takes it."""
    buffer = call.operation.buffer if call.operation else None
    return buffer is not None and not buffer.length


def listeners_are_not_disconnected(story: Story) -> Iterator[Violation]:
    """A stream socket that listens cannot be disconnected."""
    for sock in story.sockets:
        listens = next((call for call in sock.of(StepKind.LISTEN) if call.succeeded), None)
        for call in sock.of(StepKind.DISCONNECT) if listens and not sock.misused else ():
            if listens and listens.over_before(call.called) and call.succeeded and call.ended:
                text = f"{sock} listens, so {call} fails, and it succeeded"
                yield Violation("X-29", text, (call.called, call.ended))


def nothing_follows_a_reset(story: Story) -> Iterator[Violation]:
    """After a RST, be it of an abort or of a close: no FIN and no new data."""
    for sock, connection in _on_wire(story):
        reset = connection.guest_reset
        sent = connection.guest.place(reset.seq) if reset else 0  # before it, whatever the wire made of that
        for packet in connection.guest.packets if reset else ():
            end = connection.guest.end(packet)
            is_new = bool(packet.payload) and end > sent
            is_end = FIN in packet.flags and end >= sent
            if reset and packet.index > reset.index and (is_end or is_new):
                row = "C-17" if not sock.aborts else "D-07" if FIN in packet.flags else "D-29"
                text = f"{sock} had been reset, and the guest sent {packet.numbered}"
                yield Violation(row, text, tuple(call.called for call in sock.endings), (reset, packet))
            sent = max(sent, end) if packet.payload else sent


def silence_is_kept(story: Story) -> Iterator[Violation]:
    """In silent mode nothing goes out, also when it is closed; a send or a disconnect fails."""
    for sock in story.sockets:
        silenced = sock.silenced
        connection = sock.wire() if silenced and silenced.succeeded and not sock.misused else None
        if connection is None or silenced is None or silenced.ended is None:
            continue
        if not sock.made_before(silenced.called):
            continue
        for call in sock.of(StepKind.SEND, StepKind.DISCONNECT):
            asks = call.kind == StepKind.DISCONNECT or (call.operation and call.operation.data)
            if asks and call.succeeded and silenced.over_before(call.called):
                text = f"{sock} is in silent mode, and {call} succeeded"
                yield Violation("X-14", text, (silenced.ended, call.called, *call.completions))
        loud = _loud(story, sock, connection, silenced.ended)
        if loud is not None:
            text = f"{sock} is in silent mode, and the guest sent {loud.numbered}"
            yield Violation("X-14", text, (silenced.ended,), (loud,))


def _loud(story: Story, sock: SocketStory, connection: TcpConnection, silenced: Event) -> Packet | None:
    """The first packet that the guest surely made in silence: others may have been on their way.

    It has new data, an end, or acknowledges what the peer said since. Once the socket is closed, or its
    connection was reset before, what the peer says may be answered, and what it said twice before that may
    come only then; where it says nothing, nothing goes out.
    """
    sent, heard, said, is_reset = 0, math.inf, False, False
    words: set[tuple[int, int, bytes]] = set()
    for packet in connection.packets:
        if packet.sender == "peer":
            word = packet.seq, packet.flags, packet.payload
            said |= word in words or not story.surely_after(silenced, packet)
            words.add(word)
            is_reset |= RST in packet.flags
            if packet.payload and story.surely_before(silenced, packet):
                heard = min(heard, connection.peer.end(packet))
            continue
        end = connection.guest.end(packet)
        is_new = bool(packet.payload) and end > sent
        sent = max(sent, end)
        answers = ACK in packet.flags and connection.peer.place(packet.ack) >= heard
        tells = is_new or answers or packet.flags & (FIN | RST)
        is_open = _open_at(story, sock, packet) and not is_reset
        is_owned = is_open or not (said or _cleaned(story, packet))
        if tells and is_owned and story.surely_before(silenced, packet):
            return packet
        is_reset |= RST in packet.flags
    return None


def _open_at(story: Story, sock: SocketStory, packet: Packet) -> bool:
    """Was it surely not closed yet? After that nobody owns what comes late, and it may be answered."""
    ends = [event for event in (sock.close.called if sock.close else None, story.cleanup) if event]
    return all(story.surely_after(event, packet) for event in ends)


def _caused(story: Story, calls: list[Call], packet: Packet) -> bool:
    return any(not story.surely_after(call.called, packet) for call in calls)


def _cleaned(story: Story, packet: Packet) -> bool:
    """Had the driver begun to clean up?"""
    return story.cleanup is not None and not story.surely_after(story.cleanup, packet)


def _cleaned_before(story: Story, event: Event) -> bool:
    return story.cleanup is not None and story.cleanup.sequence < event.sequence
