# SPDX-License-Identifier: Apache-2.0
"""A client that breaks its side of the contract: the consequences are recorded, and not judged.

Judged is only that what the client owes to release is there until it does.
"""

import re

from harness.core.errors import GuestCrashed, GuestHung
from harness.core.units import ms
from harness.peer import ReadsToEof, Sends, ZeroWindow
from harness.scenario import (
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Action,
    Buffer,
    Callback,
    Category,
    ControlRequest,
    Irp,
    Origin,
    Scenario,
)
from harness.verdict import destructive, for_each, requires

BUGCHECK = re.compile(r"STOP: (0x[0-9A-Fa-f]+)")


async def reaction(lab, plan, peer, *operations):
    """The status of each call, or how the guest ended."""
    try:
        seen = await lab.run(plan, peer)
    except GuestCrashed as crash:
        found = BUGCHECK.search(str(crash))
        return f"bugcheck {found[1]}" if found else "crash"
    except GuestHung:
        return "hung"
    return [
        f"{operation.name}: {seen.returned(operation)}, {seen.status(operation)}" for operation in operations
    ]


@requires("C-13")
@destructive
async def test_a_socket_is_closed_twice(lab):
    """The second close comes after the first has completed."""
    plan = Scenario(dangerous=True)
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    plan.finish.close(sock)
    again = plan.close(sock)

    lab.record("reaction", await reaction(lab, plan, None, again))


LATE_CALLS = {
    "send": lambda plan, sock: plan.send(sock, 10),
    "receive": lambda plan, sock: plan.receive(sock, 10),
    "graceful-disconnect": lambda plan, sock: plan.disconnect(sock),
    "abortive-disconnect": lambda plan, sock: plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE),
}


@requires("C-13")
@destructive
@for_each(call=LATE_CALLS)
async def test_a_socket_is_used_after_its_close(lab, call):
    """The call comes after the close has completed."""
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario(dangerous=True)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.finish.close(sock)
    late = call(plan, sock)

    lab.record("reaction", await reaction(lab, plan, peer, late))


@requires("C-07")
@destructive
async def test_a_socket_is_closed_while_other_threads_send(lab):
    """Eight threads send on, and nobody waits for their calls to return."""
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario(dangerous=True)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.barrier(0)
    for strand in range(1, 9):
        with plan.strand(strand):
            plan.barrier(0)
            with plan.repeat(200):
                plan.finish.send(sock, 100)
    plan.delay(2 * ms)
    plan.finish.close(sock, racing=True)

    lab.record("reaction", await reaction(lab, plan, peer))


@requires("C-15")
@destructive
async def test_descriptors_that_nobody_releases_stay(lab):
    """The control of the experiment: without WSK_RELEASE_SD the pool shows what was left."""
    await lab.run(with_descriptors(5, released=True))  # what the first leave behind is nobody's debt
    before = await lab.pool()
    await lab.run(with_descriptors(50, released=False))

    assert await lab.pool() != before


def with_descriptors(rounds, *, released):
    """Sockets with a descriptor each, which the close leaves to the client."""
    plan = Scenario()
    with plan.repeat(rounds):
        descriptor, _ = plan.cache_descriptor(bytes([1, 0, 4, 0x80]) + bytes(16))
        sock = plan.socket(IPV4, control=ControlRequest.using(descriptor))
        plan.wait(sock.creation)
        plan.finish.close(sock)
        if released:
            plan.release_descriptor(descriptor)
    return plan


@requires("X-09")
@destructive
async def test_a_socket_is_closed_with_data_retained(lab):
    """The client never gives back what its callback kept; whether memory is lost is recorded."""
    peer = lab.peer(Sends(bytes(1000)), IPV4)
    before = await lab.pool()
    plan = Scenario(dangerous=True)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.on_event(sock, Callback.RECEIVE, Action.RETAIN)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.wait_event(sock, Callback.RECEIVE)
    close = plan.close(sock)
    plan.wait(close)

    seen = await reaction(lab, plan, peer, close)
    lab.record("reaction", seen)
    if isinstance(seen, list):  # else the guest is another
        lab.record("memory is lost", await lab.pool() != before)


@requires("X-27")
@destructive
@for_each(excess=(1, 1000, 100_000))
async def test_a_disconnect_has_a_buffer_that_is_longer_than_its_mdls(lab, excess):
    """WSK_BUF.Length promises bytes that are not there."""
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario(dangerous=True)
    sock = plan.connected(WSK_SOCKET, to=peer)
    disconnect = plan.disconnect(sock, buffer=Buffer(bytes(100), excess=excess))
    plan.wait(disconnect, limit=1000 * ms)
    plan.close(sock)

    lab.record("reaction", await reaction(lab, plan, peer, disconnect))


NO_IRP = {
    "graceful-disconnect": lambda plan, sock: plan.disconnect(sock, irp=Irp.NONE),
    "abortive-disconnect": lambda plan, sock: plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, irp=Irp.NONE),
    "close": lambda plan, sock: plan.close(sock, irp=Irp.NONE),
}


@requires("X-28")
@destructive
@for_each(call=NO_IRP)
async def test_a_call_is_made_without_an_irp(lab, call):
    """NULL for the IRP, where the documents want one."""
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario(dangerous=True)
    sock = plan.connected(WSK_SOCKET, to=peer)
    operation = call(plan, sock)
    plan.delay(100 * ms)

    lab.record("reaction", await reaction(lab, plan, peer, operation))


@requires("C-11")
@destructive
@for_each(count=(2, 3, 8))
async def test_several_accepts_are_pending_when_their_listener_is_closed(lab, count):
    """Two at a time on one listener have been seen to hang Windows."""
    plan = Scenario(dangerous=True)
    listener = plan.listening(IPV4, lab.port(), category=Category.LISTEN)
    accepts = [plan.accept(listener).creation for _ in range(count)]
    plan.may_fail(*accepts)
    close = plan.close(listener)
    plan.wait(*accepts, close)

    lab.record("reaction", await reaction(lab, plan, None, *accepts, close))


@requires("C-13", "C-11")
@destructive
async def test_a_socket_is_closed_twice_with_sends_pending(lab):
    """The second close is called while the first is pending or just over."""
    peer = lab.peer(ZeroWindow(), IPV4)
    plan = Scenario(dangerous=True)
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.send(sock, 10_000)
    plan.delay(50 * ms)
    closes = [plan.close(sock), plan.close(sock)]

    lab.record("reaction", await reaction(lab, plan, peer, *closes))


@requires("X-33")
@destructive
@for_each(category=(Category.CONNECTION, Category.STREAM, Category.LISTEN, Category.DATAGRAM))
async def test_an_irp_goes_with_the_enabling_of_an_event(lab, category):
    """The documents pass an IRP when an event is disabled, and none when it is enabled."""
    plan = Scenario(dangerous=True)
    peer = None
    if category in (Category.CONNECTION, Category.STREAM):
        peer = lab.peer(ReadsToEof(), IPV4)
        origin = Origin.STREAM_CONNECT if category == Category.STREAM else WSK_SOCKET
        sock = plan.connected(origin, to=peer)
    elif category == Category.LISTEN:
        sock = plan.listening(IPV4, lab.port())
    else:
        sock = plan.socket(IPV4, category=category)
        plan.wait(sock.creation)
        plan.finish.bind(sock)
    event = {Category.LISTEN: Callback.ACCEPT, Category.DATAGRAM: Callback.RECEIVE_FROM}
    enable = plan.enable(sock, event.get(category, Callback.DISCONNECT), irp=Irp.ALLOCATED)
    plan.may_fail(enable)
    plan.wait(enable)
    plan.finish.close(sock)

    lab.record("reaction", await reaction(lab, plan, peer, enable))
