# SPDX-License-Identifier: Apache-2.0
"""SIO_ADDRESS_LIST_CHANGE, whose IRP waits for another list of addresses, met with whatever may end it.

No document says what becomes of it when a connection ends whose socket it was asked of: recorded.
"""

from harness.core.ntstatus import STATUS_SUCCESS, is_error
from harness.core.units import s
from harness.peer import EndsWhenAsked
from harness.scenario import FAMILIES, SIO_ADDRESS_LIST_CHANGE, WSK_SOCKET, Category, Scenario
from harness.verdict import alone, for_each, requires
from suites.scenes import SETTLES, SHORT_PEER_TIMEOUT, joined, require_precondition, was_running
from suites.states.operations import LATER, OPERATIONS
from suites.states.pending import COUNTS, each_once, statuses

LEAVES = 1 * s  # the address, from when all is pending
WATCHED = {
    "basic": (Category.BASIC, 1),
    "connection": (Category.CONNECTION, 1),
    "several": (Category.BASIC, COUNTS["many"]),
}


def watch(plan, sock, count=1):
    """So many that wait."""
    return [plan.ioctl(sock, SIO_ADDRESS_LIST_CHANGE) for _ in range(count)]


def require_watched(seen, pending):
    """The scene: the list was there to be watched."""
    require_precondition(not any(is_error(seen.returned(each)) for each in pending))


@requires("X-50")
@alone
@for_each(watched=WATCHED, family=FAMILIES, singly=("family",))
async def test_an_address_goes(lab, watched, family):
    """If it is of the socket's family, every watch completes, once and with success, on whatever socket."""
    category, count = watched
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock = plan.socket(family, category=category)
        plan.wait(sock.creation)
        pending = watch(plan, sock, count)
        plan.wait(*pending)
        plan.finish.close(sock)
        temporary.leaves(after=LEAVES)
        seen = await lab.run(plan)

    require_watched(seen, pending)
    require_precondition(seen.order(pending[-1].return_, temporary.left_ns))
    assert [(seen.completions(each), seen.status(each)) for each in pending] == [(1, STATUS_SUCCESS)] * count
    assert all(seen.completion(each).interval.latest > temporary.left_ns for each in pending)


def ask(plan, sock, watched):
    """The peer ends the connection, as it was told to."""
    plan.send(sock, b"?!")
    plan.wait(plan.receive(sock, 1))


def cancel(plan, sock, watched):
    plan.cancel(watched)


# What the peer does when it is asked, and what is done here.
ENDS = {
    "fin": ("fin", ask),
    "rst": ("rst", ask),
    "graceful": ("none", lambda plan, sock, watched: OPERATIONS["graceful"](plan, sock)),
    "abortive": ("none", lambda plan, sock, watched: OPERATIONS["abortive"](plan, sock)),
    "cancel": ("none", cancel),
}


@requires("X-50")
@alone
@for_each(end=ENDS, family=FAMILIES)
async def test_a_connection_ends_that_has_a_watch(lab, end, family):
    """Or the watch is cancelled: it completes once, with the close at the latest; the rest is recorded."""
    of_the_peer, happens = end
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked(of_the_peer), WSK_SOCKET, family)
    (watched,) = watch(plan, sock)
    plan.delay(SETTLES)
    happens(plan, sock, watched)
    plan.delay(LATER)
    plan.close(sock)
    plan.wait(watched, sock.closing)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_watched(seen, [watched])
    assert each_once(seen, [watched])
    assert seen.order(watched.completion, sock.close_completion)
    assert seen.status(sock.closing) == STATUS_SUCCESS
    early = bool(seen.order(watched.completion, sock.close_call))
    # Where the guest hardly ran, it might have ended.
    if early or happens is not cancel or was_running(seen, watched.call, sock.close_call, LATER):
        lab.record("ended before the close", early)
    lab.record("statuses", statuses(seen, [watched]))
