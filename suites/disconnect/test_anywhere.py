# SPDX-License-Identifier: Apache-2.0
"""From where WskDisconnect may be called, and with whose IRP."""

from harness.core.errors import Unsupported
from harness.core.ntstatus import STATUS_SUCCESS
from harness.evidence import APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL
from harness.peer import ReadsToEof, Sends
from harness.scenario import APC, CONTEXTS, PASSIVE, WSK_SOCKET, Context, Irp, Origin, Scenario
from harness.verdict import for_each, requires
from suites.scenes import (
    EVERYWHERE,
    FORMS,
    NETWORKS,
    SOON,
    close_after,
    connected,
    once_data_came,
    reset_while_open,
    told,
)

LEVELS = {PASSIVE: PASSIVE_LEVEL, APC: APC_LEVEL}
IRPS = (*(irp for irp in Irp if irp not in (Irp.NONE, Irp.REUSED)), "reused")
TABLES = {"connection": WSK_SOCKET, "stream": Origin.STREAM_CONNECT}


@requires("D-33")
@for_each(context=EVERYWHERE, flags=FORMS, network=NETWORKS)
async def test_disconnect_works_and_leaves_the_irql_wherever_it_is_called(lab, context, flags, network):
    """At every level, under a lock, in a DPC, in a completion or an event callback: the same result.

    The graceful one has a buffer, of which the laws judge what goes out.
    """
    plan = Scenario()
    peer, sock = connected(lab, plan, Sends(b"!", after=SOON), network)
    where = once_data_came(plan, sock, context)
    disconnect = plan.disconnect(sock, flags=flags, buffer=None if flags else 500, context=where)
    plan.wait(disconnect)
    close_after(plan, disconnect)

    seen = await lab.run(plan, peer)

    irql = seen.irql_at(disconnect)
    assert irql.returned == irql.call
    if context not in (Context.COMPLETION, Context.CALLBACK):
        assert irql.call == LEVELS.get(context, DISPATCH_LEVEL)
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert seen.completion_irql(disconnect) <= DISPATCH_LEVEL
    assert peer.ended == ("reset" if flags else "eof")


@requires("D-09")
@for_each(flags=FORMS, irp=IRPS, way=TABLES, context=CONTEXTS)
async def test_the_irp_of_a_disconnect_completes_once_whoever_made_it(lab, irp, flags, way, context):
    """Allocated, initialised by the caller or used before: it completes exactly once, and is let alone."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), way=way)
    address = plan.local_address(sock)
    plan.wait(address)
    disconnect = plan.disconnect(sock, flags=flags, irp=address if irp == "reused" else irp, context=context)
    plan.wait(disconnect)
    close_after(plan, disconnect)

    seen = await lab.run(plan, peer)

    assert seen.status(disconnect) == STATUS_SUCCESS
    assert seen.completions(disconnect) == 1
    assert seen.untouched(disconnect)


@requires("D-32", "D-34")
@for_each(flags=FORMS, table=TABLES)
async def test_both_dispatch_tables_have_wsk_disconnect_in_its_place(lab, flags, table):
    """The slot that wsk.h declares is filled for connection and for stream sockets, and it disconnects."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), way=table)
    disconnect = plan.disconnect(sock, flags=flags)
    plan.wait(disconnect)
    close_after(plan, disconnect)

    try:
        seen = await lab.run(plan, peer)
    except Unsupported as missing:
        if str(disconnect) in str(missing):
            raise AssertionError(str(missing)) from missing
        raise

    assert seen.status(disconnect) == STATUS_SUCCESS
    assert told(seen) == ("RST" if flags else "FIN")
    assert flags or not reset_while_open(seen)
