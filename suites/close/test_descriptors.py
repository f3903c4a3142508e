# SPDX-License-Identifier: Apache-2.0
"""Cached security descriptors: WskCloseSocket leaves them to the client, who releases them."""

import struct

from harness.core.ntstatus import STATUS_SUCCESS
from harness.peer import ReadsToEof
from harness.scenario import CONTEXTS, FAMILIES, IPV4, Category, ControlRequest, Scenario
from harness.verdict import alone, for_each, requires
from suites.scenes import SHORT_PEER_TIMEOUT, holds_no_more, require_precondition

# Self-relative, of everyone (S-1-1-0) for owner and group, without an access list: all may do all.
_EVERYONE = bytes([1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
DESCRIPTOR = struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 32, 0, 0) + _EVERYONE * 2
ROUNDS = 100


def by_socket(plan, peer, descriptor):
    """Applied when the socket is made."""
    sock = plan.socket(peer.family, control=ControlRequest.using(descriptor))
    plan.wait(sock.creation)
    plan.finish.bind(sock)
    plan.finish.connect(sock, to=peer)
    return sock


def by_socket_connect(plan, peer, descriptor):
    """Applied when it is made and connected in one."""
    sock = plan.socket_connect(to=peer, control=ControlRequest.using(descriptor))
    plan.wait(sock.creation)
    return sock


def by_option(plan, peer, descriptor):
    """Applied with SO_WSK_SECURITY."""
    sock = plan.socket(peer.family)
    plan.wait(sock.creation)
    plan.finish.set_descriptor(sock, descriptor)
    plan.finish.bind(sock)
    plan.finish.connect(sock, to=peer)
    return sock


def by_listener(plan, peer, descriptor):
    """Applied when a socket is made that listens then."""
    listener = plan.socket(peer.family, category=Category.LISTEN, control=ControlRequest.using(descriptor))
    plan.wait(listener.creation)
    plan.finish.bind(listener)
    return listener


APPLIED = {
    "listener": by_listener,
    "socket": by_socket,
    "socket-connect": by_socket_connect,
    "option": by_option,
}


@requires("C-14", "C-15")
@for_each(applied=APPLIED, family=FAMILIES, context=CONTEXTS)
async def test_a_descriptor_outlives_the_socket_that_it_was_applied_to(lab, applied, family, context):
    """The first socket is closed; the second gets the same descriptor, which it is able to tell."""
    peer = lab.peer(ReadsToEof(connections=2), family)
    plan = Scenario()
    descriptor, cache = plan.cache_descriptor(DESCRIPTOR)
    close = plan.close(applied(plan, peer, descriptor), context=context)
    plan.wait(close)
    second = applied(plan, peer, descriptor)
    plan.may_fail(*second.operations)
    copy, read = plan.get_descriptor(second)
    plan.wait(read)
    plan.finish.close(second)
    releases = [plan.release_descriptor(copy), plan.release_descriptor(descriptor)]

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert (seen.returned(cache), seen.status(close)) == (STATUS_SUCCESS, STATUS_SUCCESS)
    assert seen.status(second.creation) == STATUS_SUCCESS
    assert seen.status(read) == STATUS_SUCCESS
    assert [seen.returned(release) for release in releases] == [STATUS_SUCCESS] * 2


@requires("C-15")
@for_each(category=(Category.LISTEN, Category.CONNECTION, Category.DATAGRAM, Category.STREAM))
async def test_a_descriptor_may_be_released_before_or_after_the_close(lab, category):
    """Each of two is released by the client, one while its socket is open, one when it is closed."""
    plan = Scenario()
    releases = []
    for early in (True, False):
        descriptor, _ = plan.cache_descriptor(DESCRIPTOR)
        sock = plan.socket(IPV4, category=category, control=ControlRequest.using(descriptor))
        plan.wait(sock.creation)
        if early:
            releases.append(plan.release_descriptor(descriptor))
        plan.finish.close(sock)
        if not early:
            releases.append(plan.release_descriptor(descriptor))

    seen = await lab.run(plan)

    assert [seen.returned(release) for release in releases] == [STATUS_SUCCESS] * 2


def used_and_released(rounds):
    plan = Scenario()
    with plan.repeat(rounds):
        descriptor, _ = plan.cache_descriptor(DESCRIPTOR)
        sock = plan.socket(IPV4, control=ControlRequest.using(descriptor))
        plan.wait(sock.creation)
        plan.finish.close(sock)
        release = plan.release_descriptor(descriptor)
    return plan, release


def without_any(rounds):
    """The same sockets, to which nothing is applied."""
    plan = Scenario()
    with plan.repeat(rounds):
        sock = plan.socket(IPV4)
        plan.wait(sock.creation)
        plan.finish.close(sock)
    return plan


@requires("C-15", "C-14")
@alone
async def test_descriptors_that_were_released_take_no_memory(lab):
    """Cached, used, left behind by the close and released, again and again: the pool holds no more.

    The scene: nor does it after sockets without any.
    """
    warm_up, _ = used_and_released(5)
    await lab.run(warm_up)
    at_first = await lab.pool()
    await lab.run(without_any(ROUNDS))
    before = await lab.pool(at_first)
    require_precondition(holds_no_more(at_first, before))
    plan, release = used_and_released(ROUNDS)

    seen = await lab.run(plan)

    assert [life.returned.status for life in seen.rounds(release)] == [STATUS_SUCCESS] * ROUNDS
    after = await lab.pool(before)
    assert holds_no_more(before, after)
