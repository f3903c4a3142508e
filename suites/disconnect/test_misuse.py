# SPDX-License-Identifier: Apache-2.0
"""WskDisconnect where or how it must not be called: what comes of it is open, but the IRP completes."""

from harness.core.ntstatus import nt_success
from harness.peer import ReadsToEof, Refuses
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Buffer,
    Category,
    Origin,
    Scenario,
)
from harness.verdict import for_each, requires
from harness.wire import FIN, RST
from suites.scenes import FORMS, AddressMode, connected, told

SOCKETS = {"connection": WSK_SOCKET, "stream": Origin.STREAM_CONNECT}
BUFFERS = {"one-byte": Buffer(b"!"), "two-mdls": Buffer(bytes(2000), mdls=2), "no-bytes": Buffer(b"")}
UNDEFINED = {f"0x{flags:x}": flags for flags in (0x2, 0x4, 0x8, 0x80000000, 0x2 | WSK_FLAG_ABORTIVE)}
NOT_DUAL = (AddressMode.IPV4, AddressMode.IPV6)


@requires("D-05")
@for_each(buffer=BUFFERS, way=SOCKETS, network=NOT_DUAL, context=CONTEXTS)
async def test_an_abortive_disconnect_with_a_buffer_completes_its_irp(lab, buffer, way, network, context):
    """WSK_FLAG_ABORTIVE forbids a buffer: recorded are the status, the bytes sent, the FIN or RST."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network, way)
    misuse = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, buffer=buffer, context=context)
    plan.wait(misuse)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.completions(misuse) == 1
    lab.record_return("returned", seen.returned(misuse))
    lab.record("status", seen.status(misuse))
    lab.record("bytes sent", len(peer.received))
    lab.record("sent, with the close", told(seen))


@requires("D-06")
@for_each(flags=UNDEFINED, way=SOCKETS, network=NOT_DUAL, context=CONTEXTS, singly=("way", "context"))
async def test_a_disconnect_with_flags_that_are_not_defined_completes_its_irp(
    lab, flags, way, network, context
):
    """Flags that wsk.h does not have: recorded are the status and what became of the connection."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network, way)
    misuse = plan.disconnect(sock, flags=flags, context=context)
    plan.wait(misuse)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.completions(misuse) == 1
    lab.record_return("returned", seen.returned(misuse))
    lab.record("status", seen.status(misuse))
    lab.record("sent, with the close", told(seen))


def fresh(plan, sock):
    """WskSocket and no more."""


def bound(plan, sock):
    """WskBind too."""
    plan.finish.bind(sock)


STATES = {"fresh": fresh, "bound": bound}


@requires("D-15")
@for_each(
    state=STATES,
    category=(Category.CONNECTION, Category.STREAM),
    flags=FORMS,
    family=FAMILIES,
    context=CONTEXTS,
)
async def test_a_socket_that_has_no_connection_is_not_disconnected(
    lab, state, category, flags, family, context
):
    """Before a connection a disconnect completes its IRP, with whatever status, and close works."""
    plan = Scenario()
    sock = plan.socket(family, category=category)
    plan.wait(sock.creation)
    state(plan, sock)
    misuse = plan.disconnect(sock, flags=flags, context=context)
    plan.wait(misuse)
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan)

    assert seen.completions(misuse) == 1
    assert nt_success(seen.status(close))
    lab.record_return("returned", seen.returned(misuse))
    lab.record("status", seen.status(misuse))


@requires("D-15")
@for_each(flags=FORMS, family=FAMILIES, context=CONTEXTS)
async def test_a_stream_socket_that_listens_is_not_disconnected(lab, flags, family, context):
    """WskListen has made it a listener: a disconnect completes its IRP, with a failure that is recorded."""
    plan = Scenario()
    listener = plan.listening(family, 0, category=Category.STREAM)
    misuse = plan.disconnect(listener, flags=flags, context=context)
    plan.wait(misuse)
    close = plan.close(listener)
    plan.wait(close)

    seen = await lab.run(plan)

    assert seen.completions(misuse) == 1
    assert nt_success(seen.status(close))
    lab.record_return("returned", seen.returned(misuse))
    lab.record("status", seen.status(misuse))


@requires("D-15")
@for_each(way=SOCKETS, flags=FORMS, family=FAMILIES, context=CONTEXTS)
async def test_a_socket_whose_connect_was_refused_is_not_disconnected(lab, way, flags, family, context):
    """After a connect that failed a disconnect puts nothing on the wire; its status is recorded."""
    peer = lab.peer(Refuses(), family)
    plan = Scenario()
    sock = plan.connected(way, to=peer)
    misuse = plan.disconnect(sock, flags=flags, context=context)
    plan.wait(misuse)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.completions(misuse) == 1
    assert seen.no(FIN, sender="guest")
    assert seen.no(RST, sender="guest")
    lab.record_return("returned", seen.returned(misuse))
    lab.record("status", seen.status(misuse))
