# SPDX-License-Identifier: Apache-2.0
"""Laws of what has nothing to do with a socket: it leaves it alone. And of listeners that are closed."""

from collections.abc import Iterator

from harness.core.abi import StepKind
from harness.core.ntstatus import nt_success
from harness.scenario import Callback, Category
from harness.scenario.values import EVENT_BITS, WSK_FLAG_WAITALL, WSK_RELEASE_SD
from harness.verdict.laws.connection import TcpConnection
from harness.verdict.laws.law import Violation
from harness.verdict.laws.socket_story import Call, SocketStory, one_behind_the_other
from harness.verdict.laws.story import Story

_MOVES = (StepKind.SEND, StepKind.RECEIVE)


def failures_have_causes(story: Story) -> Iterator[Violation]:
    """What is pending on a socket fails for a cause of its own: the client's, or the peer's."""
    for sock in story.sockets:
        connection = None if sock.misused or story.ill_used(sock) else sock.wire()
        for call in sock.calls if connection else ():
            if call.kind in _MOVES and connection and _is_left_alone(story, sock, connection, call):
                yield _without_cause(sock, connection, call)
        if not sock.misused and not story.addresses_may_go:
            yield from _accepts(story, sock)


def _is_left_alone(story: Story, sock: SocketStory, connection: TcpConnection, call: Call) -> bool:
    """Did it fail although client and peer did nothing that could end it?"""
    completion = call.completion
    if completion is None or nt_success(completion.io_status) or sock.cancelled(call) or sock.silenced:
        return False
    if story.addresses_may_go or not connection.established or not connection.peer.whole:
        return False
    if story.cleanup and story.cleanup.sequence < completion.sequence:
        return False
    if any(each.before(completion) for each in _ends(sock, call)) or not sock.made_before(call.called):
        return False
    if any(not story.surely_before(completion, reset) for reset in connection.peer.resets):
        return False
    if story.a_cancel_aborted(sock, connection):
        return False
    if not connection.peer_heard_all or _is_empty(call) or call.lacked_memory or not _is_plain(call):
        return False
    if connection.is_unanswered(story.at(completion).latest):
        return False
    ended = any(not story.surely_before(completion, fin) for fin in connection.peer.fins)
    if not call.pended and not ended:
        return False  # a call refused at once has done nothing, and why is not always to be seen
    return call.kind == StepKind.SEND or not _end_was_told(sock, call)


def _ends(sock: SocketStory, call: Call) -> list[Call]:
    """Actions of the client that may end such a call: not a graceful disconnect, nor one behind a send."""
    kept = [each for each in sock.graceful if not each.operation or not each.operation.flags]
    if call.kind == StepKind.SEND:
        kept = [each for each in kept if one_behind_the_other(call, each)]
    if any(sock.cancelled(each) for each in sock.graceful):
        kept = []
    return [each for each in sock.endings if each not in kept]


def _is_empty(call: Call) -> bool:
    return not (call.operation and call.operation.buffer and call.operation.buffer.length)


def _is_plain(call: Call) -> bool:
    """Flags that are not of this function, or not for this connection, may be refused."""
    flags = call.operation.flags if call.operation else 0
    return flags == 0 or (call.kind == StepKind.RECEIVE and flags == WSK_FLAG_WAITALL)


def _end_was_told(sock: SocketStory, call: Call) -> bool:
    """Was the client told before that the peer had ended its direction?"""
    if any(
        callback == Callback.DISCONNECT and visit.enter.sequence < call.called.sequence
        for callback, visit in sock.callbacks
    ):
        return True
    return any(
        other is not call
        and other.succeeded
        and other.completion
        and not other.completion.information
        and call.completion
        and other.over_before(call.completion)
        for other in sock.of(StepKind.RECEIVE)
    )


def _without_cause(sock: SocketStory, connection: TcpConnection, call: Call) -> Violation:
    fins = tuple(connection.peer.fins[:1])
    asked = any(each.before(call.completion) for each in sock.graceful)
    row = (
        ("D-18" if call.kind == StepKind.SEND else "D-20b")
        if asked
        else "C-02"
        if not fins
        else "X-05"
        if call.kind == StepKind.SEND
        else "X-16"
    )
    after = f" ({fins[0]!r} is none)" if fins else ""
    text = f"nothing happened to {sock} that ends {call}{after}, and it came to {call.status}"
    return Violation(row, text, (call.called, *call.completions), fins)


def _accepts(story: Story, sock: SocketStory) -> Iterator[Violation]:
    """An accept that was pending fails when it is cancelled, or its listener is closed."""
    if any(each.opener == "peer" and each.peer.resets for each in story.connections):
        return  # a connection that was to be accepted may be gone
    ports = [
        call.operation.local.port
        for call in sock.of(StepKind.BIND)
        if call.operation and call.operation.local
    ]
    if any(map(story.dials_itself, ports)):
        return  # as may one from within the guest, which is on no wire
    if any(mask & EVENT_BITS[Callback.ACCEPT] for _, mask in sock.masks):
        return  # what becomes of it when its listener tells of connections by an event nobody says
    for call in sock.of(StepKind.ACCEPT):
        completion = call.completion
        if completion is None or nt_success(completion.io_status) or not call.pended or sock.cancelled(call):
            continue
        if call.lacked_memory:
            continue
        cleaned = story.cleanup and story.cleanup.sequence < completion.sequence
        if not cleaned and not any(each.before(completion) for each in sock.endings) and _listens(sock, call):
            text = f"{sock} was not closed, and {call} came to {completion.io_status}"
            yield Violation("C-02", text, (call.called, completion))


def _listens(sock: SocketStory, call: Call | None = None) -> bool:
    """Is it a socket that accepts: one that listens by its category, or was told to, before that call?"""
    made = sock.of(StepKind.BIND if sock.socket.category == Category.LISTEN else StepKind.LISTEN)
    return bool(made) and made[0].succeeded and (call is None or made[0].over_before(call.called))


def closed_listeners_accept_nothing(story: Story) -> Iterator[Violation]:
    """Who connects to a listener that is closed is not let in."""
    ports: dict[int, list[SocketStory]] = {}
    for sock in story.sockets:
        for call in sock.of(StepKind.BIND):
            if call.operation and call.operation.local and call.operation.local.port:
                ports.setdefault(call.operation.local.port, []).append(sock)
    for connection in story.connections:
        owners = ports.get(connection.guest_port, [])
        closed = owners[0].closed if len(owners) == 1 and _listens(owners[0]) else None
        if story.others_bind(connection.guest_port):
            continue
        let_in = connection.answer if connection.opener == "peer" else None
        if closed and let_in and story.surely_before(closed, connection.syn):
            text = f"{owners[0]} was closed, and the guest answered {connection.syn.numbered}"
            yield Violation("X-23", text, (closed,), (connection.syn, let_in))


def descriptors_are_the_clients(story: Story) -> Iterator[Violation]:
    """A security descriptor that the client cached is there until the client releases it."""
    kept: dict[int, Call] = {}
    for call in story.calls:
        control = call.operation.control if call.operation else None
        if control is None:
            continue
        if control.keep is not None and call.succeeded:
            kept[control.keep.number] = call
        elif call.kind == StepKind.CONTROL_CLIENT and control.code == WSK_RELEASE_SD:
            cached = kept.pop(control.value, None)
            failed = call.ended and not call.succeeded and not call.lacked_memory
            if cached and cached.over_before(call.called) and call.ended and failed:
                text = f"{cached} cached the descriptor that {call} releases, and that came to {call.status}"
                yield Violation("C-15", text, (cached.called, call.called, call.ended))
