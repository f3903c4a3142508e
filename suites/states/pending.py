# SPDX-License-Identifier: Apache-2.0
"""Operations that can be pending, and whether they are, end or wait on."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from harness.core.units import KiB
from harness.evidence import Fact
from harness.peer import EndsWhenAsked, NeverAnswers
from harness.scenario import WSK_FLAG_DRAIN, WSK_FLAG_WAITALL, Category, Origin, Scenario
from suites.scenes import ACKNOWLEDGED, SETTLES, joined, listed, require_pending, require_precondition
from suites.states.operations import LATER

MANY = 8
PART, WHOLE = 200, 1000  # bytes that come for a WAITALL receive, and that it waits for


class Pending(NamedTuple):
    """Operations that wait, on a connection whose peer behaves so."""

    begin: Callable[[Scenario, Any], list[Any]]
    receives: bool = False
    sends: bool = False
    peer: Mapping[str, Any] = MappingProxyType({})

    def scene(self, lab, plan, way, family, end="none"):
        """Peer, socket, and the operations, all of them called and none ended."""
        peer, sock = joined(lab, plan, EndsWhenAsked(end, **self.peer), way, family)
        pending = self.begin(plan, sock)
        if "data" in self.peer:
            plan.send(sock, b"?")
        plan.delay(ACKNOWLEDGED if "data" in self.peer else SETTLES)
        return peer, sock, pending


def receives(count, size=100, flags=0):
    return lambda plan, sock: [plan.receive(sock, size, flags=flags) for _ in range(count)]


def sends(count):
    return lambda plan, sock: [plan.send(sock, 16 * KiB) for _ in range(count)]


RECEIVES = {
    "receive": Pending(receives(1), receives=True),
    "receives": Pending(receives(MANY), receives=True),
    "waitall": Pending(receives(1, WHOLE, WSK_FLAG_WAITALL), receives=True, peer={"data": bytes(PART)}),
    "drain": Pending(receives(1, 0, WSK_FLAG_DRAIN), receives=True),
}
PLAIN = (RECEIVES["receive"], RECEIVES["receives"])
SENDS = {
    "send": Pending(sends(1), sends=True, peer={"closed": True}),
    "sends": Pending(sends(MANY), sends=True, peer={"closed": True}),
}


def graceful(size):
    """A graceful disconnect whose FIN is not acknowledged, with a buffer of so many bytes if any."""
    buffer = size or None
    return Pending(
        lambda plan, sock: [plan.disconnect(sock, buffer=buffer)], peer={"acknowledges_fin": False}
    )


DISCONNECTS = {"graceful": graceful(0), "buffered-graceful": graceful(100)}
OF_CONNECTIONS = {**RECEIVES, **SENDS, **DISCONNECTS}
CONNECTS = (Origin.WSK_SOCKET, Origin.WSK_CONNECT_EX, Origin.STREAM_CONNECT)
LISTENERS = (Category.LISTEN, Category.STREAM)
COUNTS = {
    "one": 1,
    "many": MANY,
}  # several accepts at a time have hung Windows: the driver wants that to be meant


def ask(plan, sock, kind):
    """Has the peer end its direction, if nothing else does."""
    if kind.receives and "data" not in kind.peer:
        plan.send(sock, b"?")
    if kind.receives:
        plan.send(sock, b"!")


def close_later(plan, sock, pending):
    plan.delay(LATER)
    plan.close(sock)
    plan.wait(*pending, sock.closing)


def accepts(plan, listener, count):
    """WskAccepts that wait."""
    pending = [plan.accept(listener).creation for _ in range(count)]
    plan.may_fail(*pending)
    return pending


def datagrams(plan, family, count, local=None):
    """A datagram socket, and WskReceiveFroms that wait."""
    sock = plan.socket(family, category=Category.DATAGRAM)
    plan.wait(sock.creation)
    plan.finish.bind(sock, local=local)
    return sock, [plan.receive_from(sock, 100) for _ in range(count)]


def cancel_one(plan, pending, which=None):
    """IoCancelIrp of one, in the middle if not told; it and the others."""
    one = pending[len(pending) // 2 if which is None else which]
    cancel = plan.cancel(one)
    plan.wait(one)
    return one, cancel, [each for each in pending if each is not one]


def each_once(seen, operations):
    """Did each complete once?"""
    counts = {str(each): seen.completions(each) for each in operations}
    others = [f"{each} completed {count} times" for each, count in counts.items() if count != 1]
    return Fact(not others, f"each once: {listed(others, 'so it was')}")


def stay(seen, operations, until):
    """Was each still pending when that call was made, and did it complete once?"""
    early = [order for each in operations if not (order := seen.order(until.call, each.completion))]
    return each_once(seen, operations) and Fact(
        not early, f"each after {until}: {listed(early, 'so it was')}"
    )


def statuses(seen, operations):
    """Each that occurs, once."""
    return sorted({str(seen.status(each)) for each in operations})


def require_part(seen, kind):
    """The scene: what a WAITALL receive holds had come."""
    if "data" in kind.peer:
        require_precondition(len(seen.stream("peer")) == PART)


def ended_by_close(seen, pending, close):
    """Each was pending at the close, and completed once and before it."""
    for each in pending:
        require_pending(seen, each, close)
    late = [order for each in pending if not (order := seen.order(each.completion, close.completion))]
    return each_once(seen, pending) and Fact(not late, f"each before {close}: {listed(late, 'so it was')}")


def connecting(lab, plan, origin, family, local=None, patience=None):
    """A connect that nobody answers; with `patience` TCP is told to give up after so many seconds.

    One of CONNECTS; or without `patience` WskSocketConnect, whose socket is there only once it has succeeded.
    """
    peer = lab.peer(NeverAnswers(), family)
    if origin == Origin.WSK_SOCKET_CONNECT:
        sock = plan.socket_connect(to=peer, local=local)
        connect = sock.creation
    else:
        sock = bound(plan, origin, family, local, patience)
        call = plan.connect_ex if origin == Origin.WSK_CONNECT_EX else plan.connect
        connect = call(sock, to=peer)
    plan.may_fail(connect)
    plan.delay(SETTLES)
    return peer, sock, connect


def bound(plan, origin, family, local, patience):
    """The socket that is to connect."""
    category = Category.STREAM if origin == Origin.STREAM_CONNECT else Category.CONNECTION
    sock = plan.socket(family, category=category)
    plan.wait(sock.creation)
    plan.finish.bind(sock, local=local)
    if patience is not None:
        limit = plan.give_up_after(sock, patience)
        plan.may_fail(limit)
        plan.wait(limit)
    return sock
