# SPDX-License-Identifier: Apache-2.0
"""How long WskDisconnect and WskCloseSocket take, over a thousand connections each.

Nothing is judged by a time, but no round of a thousand may differ from the contract.
"""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.peer import ReadsToEof
from harness.scenario import ALL_CONTEXTS, IPV4, WSK_FLAG_ABORTIVE, Origin, Scenario
from harness.verdict import for_each, requires, timing

ROUNDS = 1000
FLAGS = {"graceful": 0, "abortive": WSK_FLAG_ABORTIVE}


@timing
@requires("D-33", "C-21")
@for_each(flags=FLAGS, context=ALL_CONTEXTS)
async def test_a_thousand_disconnects_return_at_their_irql_and_complete_once(lab, flags, context):
    """Every round's IRP completes once and with success, at the IRQL that it was called at."""
    peer = lab.peer(ReadsToEof(connections=ROUNDS), IPV4)
    plan = Scenario()
    with plan.repeat(ROUNDS):
        sock = plan.connected(Origin.WSK_SOCKET_CONNECT, to=peer)
        disconnect = plan.disconnect(sock, flags=flags, context=context)
        plan.wait(disconnect)
        close = plan.close(sock, context=context)
        plan.wait(close)
        nothing = plan.nothing()

    seen = await lab.run(plan, peer)

    lab.measure("WskDisconnect", seen.timing(disconnect))
    lab.measure("WskCloseSocket", seen.timing(close))
    lab.measure("an empty call", seen.timing(nothing))
    for operation in (disconnect, close):
        rounds = seen.rounds(operation)
        assert len(rounds) == ROUNDS
        assert {len(life.completions) for life in rounds} == {1}
        assert {life.completion.io_status for life in rounds} == {STATUS_SUCCESS}
        assert all(life.returned.irql == life.call.irql for life in rounds)
