# SPDX-License-Identifier: Apache-2.0
"""Each state of a TCP connection, met with a graceful disconnect, an abortive one and a close."""

from harness.core.ntstatus import STATUS_INVALID_DEVICE_STATE, STATUS_SUCCESS
from harness.core.units import KiB
from harness.peer import (
    After,
    CrossesFins,
    FinFirst,
    HoldsOpen,
    NeverAnswers,
    ReadsToEof,
    Resets,
    WithholdsFinAck,
)
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    SIO_WSK_SET_TCP_SILENT_MODE,
    WSK_SOCKET,
    Arrival,
    Category,
    Scenario,
)
from harness.verdict import for_each, requires
from harness.wire import FIN
from suites.scenes import (
    HELD,
    OPEN,
    PROMPT,
    SETTLES,
    SHORT_PEER_TIMEOUT,
    TOLD,
    answer,
    failed,
    in_fin_wait_2,
    joined,
    no_reset,
    own_reset,
    require_peer_open,
    require_pending,
    require_precondition,
    spoken,
    told,
    was_running,
)
from suites.states.operations import LATER, OPERATIONS, closes, meet, note

CATEGORIES = (Category.CONNECTION, Category.STREAM)
SOCKETS = {"connection": WSK_SOCKET, "stream": Arrival.STREAM_ACCEPT}  # connected, and accepted


@requires("S-01")
@for_each(bound={"fresh": False, "bound": True}, operation=OPERATIONS, context=CONTEXTS, family=FAMILIES)
async def test_closed(lab, bound, operation, context, family):
    """A socket that was never connected: close succeeds; what a disconnect returns is recorded."""
    plan = Scenario()
    sock = plan.socket(family)
    plan.wait(sock.creation)
    if bound:
        plan.finish.bind(sock)
    done = meet(plan, sock, operation, context=context)

    seen = await lab.run(plan)

    assert seen.completions(done) == 1
    assert seen.status(sock.closing) == STATUS_SUCCESS
    note(lab, seen, done)


@requires("S-02", "D-15")
@for_each(category=CATEGORIES, operation=OPERATIONS, context=CONTEXTS, family=FAMILIES)
async def test_syn_sent(lab, category, operation, context, family):
    """A connect is pending: it completes once, before a close does; what a disconnect does is recorded."""
    peer = lab.peer(NeverAnswers(), family)
    plan = Scenario()
    sock = plan.socket(family, category=category)
    plan.wait(sock.creation)
    plan.finish.bind(sock)
    connect = plan.connect(sock, to=peer)
    plan.delay(SETTLES)
    done = meet(plan, sock, operation, connect, context=context)

    seen = await lab.run(plan, peer)

    require_pending(seen, connect, done)
    assert seen.status(sock.closing) == STATUS_SUCCESS
    assert failed(seen, connect)
    assert seen.order(connect.completion, sock.close_completion)
    assert seen.no(FIN, sender="guest")
    note(lab, seen, done)
    ends = closes(done) or bool(seen.order(connect.completion, sock.close_call))
    refused = failed(seen, done)  # then it has ended nothing; else it may take its time
    if ends or refused or was_running(seen, done.call, sock.close_call, LATER):
        lab.record("ends the connect", ends)
        lab.record("status of the connect", seen.status(connect))


@requires("S-03")
@for_each(way=SOCKETS, operation=OPERATIONS, context=CONTEXTS, family=FAMILIES)
async def test_established(lab, way, operation, context, family):
    """Idle: graceful sends FIN and no RST, abortive and close send RST and no FIN."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), way, family)
    done = meet(plan, sock, operation, context=context, ends=True)

    seen = await lab.run(plan, peer)

    assert seen.status(done) == STATUS_SUCCESS
    if operation == OPERATIONS["graceful"]:
        assert seen.count(FIN, sender="guest") == 1
    else:
        assert seen.rst("guest") is not None
        assert seen.no(FIN, sender="guest")


@requires("S-04")
@for_each(way=SOCKETS, operation=OPERATIONS, context=CONTEXTS, family=FAMILIES)
async def test_fin_wait_1(lab, way, operation, context, family):
    """Our FIN is unacknowledged: abortive and close send RST and end the disconnect that waits for it."""
    plan = Scenario()
    peer, sock = joined(lab, plan, WithholdsFinAck(tells=TOLD), way, family)
    first = plan.disconnect(sock)
    plan.finish.receive(sock, len(TOLD))
    done = meet(plan, sock, operation, first, context=context)

    seen = await lab.run(plan, peer)

    require_pending(seen, first, done)
    assert seen.count(FIN, sender="guest") == 1
    assert seen.completions(first) == 1
    if operation == OPERATIONS["graceful"]:
        note(lab, seen, done, fins=1)
    else:
        assert seen.status(done) == STATUS_SUCCESS
        assert seen.rst("guest") is not None
        assert seen.within(done.call, first.completion, PROMPT)
        lab.record("status of the first disconnect", seen.status(first))


@requires("S-05")
@for_each(way=SOCKETS, operation=OPERATIONS, context=CONTEXTS, family=FAMILIES)
async def test_fin_wait_2(lab, way, operation, context, family):
    """Our FIN is acknowledged, the peer's has not come: abortive and close send RST, nothing a second FIN."""
    plan = Scenario()
    peer, sock = joined(lab, plan, HoldsOpen(for_=OPEN, tells=TOLD), way, family)
    first = in_fin_wait_2(plan, sock)
    done = meet(plan, sock, operation, first, context=context)

    seen = await lab.run(plan, peer)

    require_peer_open(seen, sock.closing)
    assert seen.count(FIN, sender="guest") == 1
    if operation == OPERATIONS["graceful"]:
        assert seen.completions(done) == 1
        note(lab, seen, done, fins=1)
    else:
        assert seen.status(done) == STATUS_SUCCESS
        assert own_reset(seen, done)


@requires("S-06")
@for_each(operation=OPERATIONS, way=SOCKETS, context=CONTEXTS, family=FAMILIES)
async def test_close_wait(lab, operation, way, context, family):
    """The peer's FIN has come, ours has not left: graceful sends it, abortive and close send RST."""
    plan = Scenario()
    peer, sock = joined(lab, plan, FinFirst(), way, family)
    plan.finish.receive(sock, 1 * KiB)
    done = meet(plan, sock, operation, context=context, ends=True)

    seen = await lab.run(plan, peer)

    assert seen.status(done) == STATUS_SUCCESS
    if operation == OPERATIONS["graceful"]:
        assert seen.count(FIN, sender="guest") == 1
    else:
        assert seen.rst("guest") is not None
        assert seen.no(FIN, sender="guest")


@requires("S-06")
@for_each(way=SOCKETS, family=FAMILIES)
async def test_close_wait_until_the_acknowledgement(lab, way, family):
    """The peer withholds the acknowledgement of the FIN that follows its own: the disconnect waits for it."""
    plan = Scenario()
    peer, sock = joined(lab, plan, WithholdsFinAck(fin_first=True, releases_after=HELD), way, family)
    plan.finish.receive(sock, 1 * KiB)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(seen.fin("peer"), seen.fin("guest")))
    assert seen.lasted(disconnect.call, disconnect.completion, HELD)
    assert seen.status(disconnect) == STATUS_SUCCESS


def crossing(plan, sock):
    """CLOSING: our FIN brings on the peer's, which does not acknowledge it."""
    first = plan.disconnect(sock)
    plan.finish.receive(sock, 1 * KiB)
    return first


def following(plan, sock):
    """LAST-ACK: our FIN follows the peer's."""
    plan.finish.receive(sock, 1 * KiB)
    return plan.disconnect(sock)


LAST_ACK = {
    "closing": (lambda: CrossesFins(releases_after=None), crossing),
    "last-ack": (lambda: WithholdsFinAck(fin_first=True), following),
}


@requires("S-07")
@for_each(state=LAST_ACK, operation=OPERATIONS, context=CONTEXTS, way=SOCKETS, family=FAMILIES)
async def test_closing_and_last_ack(lab, state, operation, context, way, family):
    """Both FINs are under way, ours unacknowledged: abortive and close end the disconnect that waits."""
    behaviour, enter = state
    plan = Scenario()
    peer, sock = joined(lab, plan, behaviour(), way, family)
    first = enter(plan, sock)
    plan.delay(SETTLES)
    done = meet(plan, sock, operation, first, context=context)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(seen.order(seen.fin("guest"), done.call))
    require_pending(seen, first, done)
    assert seen.count(FIN, sender="guest") == 1
    assert seen.completions(first) == 1
    assert seen.status(sock.closing) == STATUS_SUCCESS
    if operation != OPERATIONS["graceful"]:
        assert seen.within(done.call, first.completion, PROMPT)
    note(lab, seen, done, fins=1)
    lab.record("status of the first disconnect", seen.status(first))


def we_first(plan, sock):
    """TIME-WAIT: our FIN, then the peer's."""
    plan.finish.disconnect(sock)
    plan.finish.receive(sock, 1 * KiB)


def peer_first(plan, sock):
    """CLOSED: the peer's FIN, then ours."""
    plan.finish.receive(sock, 1 * KiB)
    plan.finish.disconnect(sock)


BOTH_FINS = {"time-wait": (ReadsToEof, we_first), "closed": (FinFirst, peer_first)}


@requires("S-08")
@for_each(state=BOTH_FINS, operation=OPERATIONS, context=CONTEXTS, way=SOCKETS, family=FAMILIES)
async def test_after_both_fins(lab, state, operation, context, way, family):
    """Both directions have ended: close succeeds and sends nothing; what a disconnect does is recorded."""
    behaviour, ends = state
    plan = Scenario()
    peer, sock = joined(lab, plan, behaviour(), way, family)
    ends(plan, sock)
    done = meet(plan, sock, operation, context=context)

    seen = await lab.run(plan, peer)

    assert seen.count(FIN, sender="guest") == 1
    assert seen.status(sock.closing) == STATUS_SUCCESS
    if closes(done):
        assert no_reset(seen)
    else:
        assert seen.completions(done) == 1
        note(lab, seen, done, fins=1)


@requires("S-09")
@for_each(way=SOCKETS, operation=OPERATIONS, context=CONTEXTS, family=FAMILIES)
async def test_reset_by_the_peer(lab, way, operation, context, family):
    """The peer has aborted: nothing is sent, close succeeds, what a disconnect returns is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, Resets(after=After(received=1)), way, family)
    plan.send(sock, b"!")
    plan.finish.receive(sock, 1 * KiB)
    done = meet(plan, sock, operation, context=context)

    seen = await lab.run(plan, peer)

    require_precondition(seen.rst("peer"))
    assert seen.completions(done) == 1
    assert seen.status(sock.closing) == STATUS_SUCCESS
    assert told(seen) == "nothing"
    if not closes(done):
        note(lab, seen, done)


@requires("S-10")
@for_each(way=SOCKETS, operation=OPERATIONS, context=CONTEXTS, family=FAMILIES)
async def test_silent_mode(lab, way, operation, context, family):
    """The socket is to be silent: a disconnect is refused, close succeeds, and no FIN or RST is sent."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), way, family)
    silent = plan.ioctl(sock, SIO_WSK_SET_TCP_SILENT_MODE)
    plan.wait(silent)
    done = meet(plan, sock, operation, context=context)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert seen.status(silent) == STATUS_SUCCESS
    assert seen.completions(done) == 1
    assert answer(seen, done) == (STATUS_SUCCESS if closes(done) else STATUS_INVALID_DEVICE_STATE)
    assert seen.status(sock.closing) == STATUS_SUCCESS
    assert spoken(seen) == []
