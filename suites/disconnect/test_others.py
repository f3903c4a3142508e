# SPDX-License-Identifier: Apache-2.0
"""A disconnect is of the socket that it names, and of no other."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.peer import ReadsToEof, WithholdsFinAck
from harness.scenario import ALL_ORIGINS, FAMILIES, IPV4, WSK_FLAG_WAITALL, WSK_SOCKET, Address, Scenario
from harness.verdict import for_each, requires
from harness.wire import FIN, RST
from suites.scenes import AFTERWARDS, FORMS, TOLD, in_fin_wait_2, require_precondition

SOCKETS = 16
CHOSEN = 7


@requires("D-02")
@for_each(way=ALL_ORIGINS, flags=FORMS)
async def test_a_disconnect_leaves_all_other_sockets_alone(lab, way, flags):
    """One of sixteen connections is disconnected; the fifteen others then still carry data both ways."""
    plan = Scenario()
    peer = lab.peer(ReadsToEof(connections=SOCKETS, exchange=10), IPV4)
    sockets = [plan.connected(way, to=peer) for _ in range(SOCKETS)]
    chosen = sockets.pop(CHOSEN)
    ends = [plan.local_address(chosen), plan.remote_address(chosen)]
    plan.wait(*ends)
    plan.finish.disconnect(chosen, flags=flags)
    exchanges = []
    for sock in sockets:
        exchanges += [plan.send(sock, 10), plan.receive(sock, 10, flags=WSK_FLAG_WAITALL)]
    plan.wait(*exchanges)
    plan.wait(*(plan.close(sock) for sock in (chosen, *sockets)))

    seen = await lab.run(plan, peer)

    assert all(seen.status(call) == STATUS_SUCCESS for call in exchanges)
    sends, receives = exchanges[::2], exchanges[1::2]
    assert [seen.data(receive) for receive in receives] == [send.data for send in sends]
    connection = tuple(address.port for end in ends for address in seen.addresses(end))
    assert connection in ended(seen, RST if flags else FIN)
    assert ended(seen, FIN) <= {connection}


def ended(seen, flag):
    """The connections that the guest ended so."""
    return {(packet.guest_port, packet.peer_port) for packet in seen.packets(flag, sender="guest")}


@requires("D-02", "D-22")
@for_each(family=FAMILIES)
async def test_a_disconnect_that_completes_leaves_another_waiting(lab, family):
    """One peer withholds the acknowledgement of the FIN: another connection ends, and the first waits."""
    peer = lab.peer(WithholdsFinAck(tells=TOLD), family)
    place = Address.loopback(family, lab.port())
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    waiting = in_fin_wait_2(plan, sock)
    listener = plan.listening(family, place.port)
    accepted = plan.accept(listener)
    other = plan.connected(WSK_SOCKET, to=place)
    plan.wait(accepted.creation)
    ends = [plan.disconnect(each) for each in (other, accepted)]
    plan.wait(*ends)
    plan.delay(AFTERWARDS)
    for each in (sock, accepted, other, listener):
        plan.close(each)
    plan.wait(waiting, *(each.closing for each in (sock, accepted, other, listener)))

    seen = await lab.run(plan, peer)

    require_precondition(seen.fin("peer") is None)
    assert [seen.status(each) for each in ends] == [STATUS_SUCCESS] * 2
    assert seen.order(sock.close_call, waiting.completion)
