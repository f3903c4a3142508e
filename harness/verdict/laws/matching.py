# SPDX-License-Identifier: Apache-2.0
"""Which connection on the wire is which socket's.

An accepted socket's call says the peer's port. A connecting socket is known by the port that it connects
to; where several connect to one, by their order, if they connected one after the other. What is left is
not guessed.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.core.abi import StepKind
from harness.core.ntstatus import nt_success
from harness.evidence import Timeline
from harness.scenario import Address, Callback
from harness.verdict.laws.connection import TcpConnection
from harness.verdict.laws.socket_story import CONNECTS, Call, SocketStory

_SEVERAL = "which of several connections is its own is not known"
_WITHIN_GUEST = 0
_NONE = "its connection is not in the capture"


def match(timeline: Timeline, sockets: Sequence[SocketStory], found: Sequence[TcpConnection]) -> None:
    """Gives each socket its connection, or the reason why it is not known."""
    strangers = _dialled_by_others(timeline, sockets)
    _match_connecting(sockets, [each for each in found if each.opener == "guest"], strangers)
    coming = [each for each in found if each.opener == "peer" and each.established]
    for sock, listener, port in _accepted(timeline, sockets):
        sock.listener = listener
        if port == _WITHIN_GUEST:
            continue
        own = [each for each in coming if port is None or each.peer_port == port]
        sock.connection = own[0] if len(own) == 1 else None
        sock.unknown = "" if sock.connection else _SEVERAL if own else _NONE


def _accepted(
    timeline: Timeline, sockets: Sequence[SocketStory]
) -> Iterator[tuple[SocketStory, SocketStory, int | None]]:
    """Accepted sockets with their listeners and, where the guest told it, the peer's port."""
    by_slot = {sock.socket.slot: sock for sock in sockets}
    for listener in sockets:
        for call in listener.of(StepKind.ACCEPT):
            sock = by_slot.get(call.operation.index) if call.operation else None
            if sock and call.succeeded and call.operation:
                yield sock, listener, _peer_port(*timeline.addresses(call.operation))
        taken = [
            by_slot[visit.leave.information]
            for callback, visit in listener.callbacks
            if callback == Callback.ACCEPT and visit.leave and nt_success(visit.leave.status)
            if visit.leave.information in by_slot
        ]
        for sock in taken:
            # Of several that one step took, it keeps the last one's addresses.
            is_only = len(taken) == 1 and sock.socket.creation.result > 0
            port = _peer_port(*timeline.addresses(sock.socket.creation)) if is_only else None
            yield sock, listener, port


def _peer_port(local: Address | None, remote: Address | None) -> int | None:
    """The peer's port as the guest told it; a connection of the guest's with itself is on no wire."""
    if local and remote and local.host == remote.host:
        return _WITHIN_GUEST
    return remote.port if remote else None


def _dialled_by_others(timeline: Timeline, sockets: Sequence[SocketStory]) -> set[int]:
    """The peer's ports that other sockets connect to, which loops make again and again."""
    known = {sock.socket.slot for sock in sockets}
    return {
        operation.remote.port
        for operation in timeline.plan.operations
        if operation.kind in CONNECTS and operation.remote
        if operation.socket is None or operation.socket.slot not in known
    }


def _match_connecting(
    sockets: Sequence[SocketStory], found: Sequence[TcpConnection], strangers: set[int]
) -> None:
    by_port: dict[int, list[tuple[SocketStory, Call]]] = {}
    for sock in sockets:
        for call in sock.of(*CONNECTS)[:1]:
            if call.operation and call.operation.remote:
                by_port.setdefault(call.operation.remote.port, []).append((sock, call))
    for port, dialled in by_port.items():
        dialled.sort(key=lambda pair: pair[1].called.sequence)
        tried = [each for each in found if each.peer_port == port]
        if port in strangers:
            for sock, _ in dialled:
                sock.unknown = _SEVERAL if tried else ""
        elif len(dialled) == 1:
            made = [each for each in tried if each.established] or tried[-1:]
            _give(dialled[0][0], made)
        elif len(tried) == len(dialled) and _one_by_one([call for _, call in dialled]):
            for (sock, _), connection in zip(dialled, tried, strict=True):
                sock.connection = connection
        else:
            for sock, _ in dialled:
                sock.unknown = _SEVERAL if tried else ""


def _give(sock: SocketStory, made: Sequence[TcpConnection]) -> None:
    sock.connection = made[0] if len(made) == 1 else None
    sock.unknown = _SEVERAL if len(made) > 1 else ""


def _one_by_one(calls: Sequence[Call]) -> bool:
    """Had each of them ended before the next was made?"""
    return all(first.over_before(second.called) for first, second in pairwise(calls))
