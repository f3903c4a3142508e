# SPDX-License-Identifier: Apache-2.0
"""WskCloseSocket of sockets of every category, as far as they have come without a connection."""

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS, is_error
from harness.core.units import ms
from harness.evidence import APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL
from harness.peer import NeverAnswers
from harness.scenario import (
    ALL_CONTEXTS,
    APC,
    DISPATCH,
    DPC,
    FAMILIES,
    PASSIVE,
    SPINLOCK,
    WSK_SOCKET,
    Address,
    Category,
    Irp,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import SETTLES, bound, require_precondition

KINDS = {
    "basic": (Category.BASIC, "made"),
    "listen": (Category.LISTEN, "made"),
    "listen-bound": (Category.LISTEN, "bound"),
    "connection": (Category.CONNECTION, "made"),
    "connection-bound": (Category.CONNECTION, "bound"),
    "datagram": (Category.DATAGRAM, "made"),
    "datagram-bound": (Category.DATAGRAM, "bound"),
    "stream": (Category.STREAM, "made"),
    "stream-bound": (Category.STREAM, "bound"),
    "stream-listening": (Category.STREAM, "listening"),
}
# Of each category, as far as it comes without a connection.
FURTHEST = {
    name: KINDS[name]
    for name in ("basic", "listen-bound", "connection-bound", "datagram-bound", "stream-listening")
}
RAISED = (DISPATCH, DPC, SPINLOCK)
LEVELS = {PASSIVE: PASSIVE_LEVEL, APC: APC_LEVEL} | dict.fromkeys(RAISED, DISPATCH_LEVEL)
IRPS = {
    "allocated": Irp.ALLOCATED,
    "initialized": Irp.INITIALIZED,
    "passed-down": Irp.PASSED_DOWN,
    "reused": Irp.REUSED,
}
INSTANT = 10 * ms  # that one call which waits for nothing may take more than another


def made(plan, family, kind, port=0):
    """A socket of that kind, as far as it is to come."""
    category, stage = kind
    sock = plan.socket(family, category=category)
    plan.wait(sock.creation)
    if stage != "made":
        plan.finish.bind(sock, local=Address.wildcard(family, port))
    if stage == "listening":
        plan.finish.listen(sock)
    return sock


@requires("C-01", "C-05", "C-06", "C-20", "C-21", "C-22")
@for_each(kind=FURTHEST, context=ALL_CONTEXTS, family=FAMILIES)
async def test_a_socket_of_every_kind_closes_at_every_level(lab, kind, context, family):
    """Through each of the five tables close succeeds, once, and leaves the IRQL as it was."""
    plan = Scenario()
    sock = made(plan, family, kind)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan)

    assert not is_error(seen.returned(close))
    assert (seen.completions(close), seen.status(close)) == (1, STATUS_SUCCESS)
    assert seen.irql_at(close) == (LEVELS[context], LEVELS[context])
    lab.record_return("return value of the close", seen.returned(close))


@requires("C-04", "C-05")
@for_each(kind=KINDS)
async def test_what_a_close_returns_says_when_it_completes(lab, kind):
    """STATUS_SUCCESS: completed before the return, not pending. STATUS_PENDING: marked so, always."""
    plan = Scenario()
    with plan.repeat(50):
        sock = made(plan, FAMILIES[0], kind)
        close = plan.close(sock)
        plan.wait(close)

    seen = await lab.run(plan)

    rounds = seen.rounds(close)
    assert len(rounds) == 50
    for life in rounds:
        assert len(life.completions) == 1
        completion = life.completion
        assert completion.io_status == STATUS_SUCCESS
        assert life.returned.status in (STATUS_SUCCESS, STATUS_PENDING)
        assert completion.pending_returned == (life.returned.status == STATUS_PENDING)
        if life.returned.status == STATUS_SUCCESS:
            assert completion.sequence < life.returned.sequence


@requires("C-21")
@for_each(kind=FURTHEST)
async def test_a_close_above_passive_level_does_not_wait(lab, kind):
    """The quickest of many calls shows what the call itself does; it does no more than at PASSIVE_LEVEL."""
    plan = Scenario()
    closes = []
    for context in (PASSIVE, *RAISED):
        with plan.repeat(20):
            sock = made(plan, FAMILIES[0], kind)
            closes.append(plan.close(sock, context=context))
            plan.wait(closes[-1])

    seen = await lab.run(plan)

    passive, *raised = (min(seen.timing(close).call) for close in closes)
    assert all(quickest < passive + INSTANT for quickest in raised)


@requires("C-03")
@for_each(
    irp=IRPS,
    kind={name: KINDS[name] for name in ("basic", "listen-bound", "datagram", "stream")},
    singly=("kind",),
)
async def test_an_irp_of_every_origin_completes_once(lab, irp, kind):
    """Allocated, in the caller's memory, passed down to it, or of an earlier call: the same to a close."""
    plan = Scenario()
    sock = made(plan, FAMILIES[0], kind)
    close = plan.close(sock, irp=sock.creation if irp == Irp.REUSED else irp)
    plan.wait(close)

    seen = await lab.run(plan)

    assert (seen.completions(close), seen.status(close)) == (1, STATUS_SUCCESS)
    assert seen.pending_returned(close) == (seen.returned(close) == STATUS_PENDING)


@requires("C-01")
@for_each(kind={name: kind for name, kind in KINDS.items() if kind[1] != "made"})
async def test_the_port_of_a_closed_socket_can_be_bound_again(lab, kind):
    """The same port, five times over for each family: a bind succeeds because the socket before is gone."""
    plan = Scenario()
    port = lab.port()
    sockets = []
    for family in FAMILIES * 5:
        sockets.append(made(plan, family, kind, port))
        plan.finish.close(sockets[-1])
    plan.may_fail(*(operation for sock in sockets[1:] for operation in sock.operations))

    seen = await lab.run(plan)

    statuses = [seen.status(operation) for sock in sockets for operation in sock.operations]
    assert statuses == [STATUS_SUCCESS] * len(statuses)


@requires("C-01")
@for_each(family=FAMILIES)
async def test_the_port_of_a_socket_that_was_closed_while_it_connected_can_be_bound_again(lab, family):
    """Nobody answers its SYN, and it is closed: the next binds to the same port, and so on."""
    peer = lab.peer(NeverAnswers(), family)
    port = lab.port()
    plan = Scenario()
    connects, binds, closes = [], [], []
    for category in (Category.CONNECTION, Category.STREAM) * 2:
        sock, bind = bound(plan, category, Address.wildcard(family, port))
        binds.append(bind)
        connects.append(plan.connect(sock, to=peer))
        plan.may_fail(connects[-1])
        plan.delay(SETTLES)
        closes.append(plan.close(sock))
        plan.wait(connects[-1], closes[-1])

    seen = await lab.run(plan, peer)

    require_precondition(seen.status(binds[0]) == STATUS_SUCCESS)
    assert [seen.status(call) for call in (*binds, *closes)] == [STATUS_SUCCESS] * 8


@requires("C-01")
@for_each(family=FAMILIES)
async def test_the_port_of_a_listener_that_has_accepted_can_be_bound_again(lab, family):
    """What it accepted is closed, and then so is it: another listens at the same port."""
    plan = Scenario()
    binds = []
    for category in (Category.LISTEN, Category.STREAM):
        place = Address.loopback(family, lab.port())
        listener = plan.listening(family, place.port, category=category)
        accepted = plan.accept(listener)
        sock = plan.connected(WSK_SOCKET, to=place)
        plan.wait(accepted.creation)
        for each in (accepted, sock, listener):
            plan.finish.close(each)
        next_one, bind = bound(plan, Category.LISTEN, Address.wildcard(family, place.port))
        binds.append(bind)
        plan.finish.close(next_one)

    seen = await lab.run(plan)

    assert [seen.status(bind) for bind in binds] == [STATUS_SUCCESS] * 2
