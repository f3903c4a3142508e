# SPDX-License-Identifier: Apache-2.0
"""Laws of addresses: what a socket tells of its own, and the port that a closed one gives back."""

from collections.abc import Iterator

from harness.core.abi import StepKind
from harness.verdict.laws.connection import TcpConnection
from harness.verdict.laws.law import Violation
from harness.verdict.laws.socket_story import Call, SocketStory
from harness.verdict.laws.story import Story


def addresses_are_true(story: Story) -> Iterator[Violation]:
    """What a connected socket tells as its addresses are those of its connection."""
    for sock in story.sockets:
        connection = None if sock.misused else sock.wire()
        if connection is None or not connection.established or story.addresses_may_go:
            continue
        ports = {
            StepKind.GET_LOCAL_ADDRESS: ("local", connection.guest_port),
            StepKind.GET_REMOTE_ADDRESS: ("remote", connection.peer_port),
        }
        for call in sock.of(*ports):
            if call.operation and call.succeeded and _is_connected(story, sock, connection, call):
                which, port = ports[StepKind(call.kind)]
                (told,) = story.timeline.addresses(call.operation)
                if told is not None and told.port != port:
                    text = f"the {which} port of {sock} is {port}, and {call} told {told.port}"
                    yield Violation("X-46", text, (call.called, *call.completions), (connection.syn,))


def _is_connected(story: Story, sock: SocketStory, connection: TcpConnection, call: Call) -> bool:
    """Had it its connection from before the call to its end? What it tells of a former one nobody says."""
    ended = call.ended
    if ended is None or not sock.made_before(call.called):
        return False
    reset = any(not story.surely_before(ended, each) for each in connection.peer.resets)
    return not reset and not any(each.before(ended) for each in sock.endings)


def accepts_tell_their_listeners_port(story: Story) -> Iterator[Violation]:
    """The local address that an accept tells has the port of its listener."""
    for sock in story.sockets:
        port = _port(sock)
        for call in sock.of(StepKind.ACCEPT) if port else ():
            told = story.timeline.addresses(call.operation)[0] if call.operation and call.succeeded else None
            if told is not None and told.port != port:
                text = f"{sock} listens at port {port}, and {call} told {told.port} as the local one"
                yield Violation("X-45", text, (call.called, *call.completions))


def ports_are_given_back(story: Story) -> Iterator[Violation]:
    """A port is free again when the socket that had it is closed, and nobody was connected to it."""
    used = {connection.guest_port for connection in story.connections}
    for sock in story.sockets:
        port = _port(sock)
        bind = next(iter(sock.of(StepKind.BIND)), None)
        if not port or port in used or bind is None or bind.completion is None or bind.succeeded:
            continue
        if story.dials_itself(port) or story.others_bind(port):
            continue
        owners = [other for other in story.sockets if other is not sock and _port(other) == port]
        if not owners or story.addresses_may_go or bind.lacked_memory or sock.misused:
            continue
        ends = [owner.closed for owner in owners]
        if all(end is not None and end.sequence < bind.called.sequence for end in ends) and any(
            _as_that(each, bind) for owner in owners for each in owner.of(StepKind.BIND)
        ):
            text = f"every socket that had port {port} was closed, and {bind} came to {bind.status}"
            yield Violation("C-01", text, (*filter(None, ends), bind.called, bind.completion))


def _port(sock: SocketStory) -> int:
    """The port that its client named for it; 0 for none, or for several."""
    binds = sock.of(StepKind.BIND)
    bind = binds[0] if len(binds) == 1 else None
    return bind.operation.local.port if bind and bind.operation and bind.operation.local else 0


def _as_that(done: Call, refused: Call) -> bool:
    """Did the same succeed for another socket: one of that category, with that address?"""
    one, other = done.operation, refused.operation
    if one is None or other is None or one.socket is None or other.socket is None:
        return False
    return done.succeeded and (one.local, one.socket.category) == (other.local, other.socket.category)
