# SPDX-License-Identifier: Apache-2.0
"""Peers that speak UDP, and what a datagram socket does with them when it is closed."""

import pytest

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import KiB, ms, s
from harness.peer import EchoesDatagrams, FloodsDatagrams
from harness.run.case import Case
from harness.scenario import (
    DISPATCH,
    FAMILIES,
    IPV4,
    PASSIVE,
    SO_SNDBUF,
    SOL_SOCKET,
    Address,
    Callback,
    Category,
    Context,
    Family,
    Scenario,
    Socket,
)

both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def datagram_socket(plan: Scenario, family: Family, port: int = 0) -> Socket:
    sock = plan.socket(family, category=Category.DATAGRAM)
    plan.wait(sock.creation)
    plan.finish.bind(sock, local=Address.wildcard(family, port))
    return sock


@both_families
async def test_every_datagram_comes_back(lab: Case, family: Family) -> None:
    peer = lab.peer(EchoesDatagrams(3), family)
    plan = Scenario()
    sock = datagram_socket(plan, family)
    receives = [plan.receive_from(sock, 2 * KiB) for _ in range(3)]
    sends = [plan.send_to(sock, size, to=peer) for size in (1, 100, 1400)]
    plan.wait(*sends, *receives)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    # In any order: the first ones wait in the guest until it has learned where the peer is.
    came = sorted((seen.data(receive) for receive in receives), key=len)
    assert came == [send.data for send in sends]
    assert {address for step in receives for address in seen.addresses(step)} == {
        Address(family, peer.host, peer.port)
    }


async def test_a_close_completes_pending_receives_and_sends_of_datagrams(lab: Case) -> None:
    nobody = Address(IPV4, "10.8.0.253", 9)  # no answer to ARP: datagrams wait in the guest
    plan = Scenario()
    sock = datagram_socket(plan, IPV4)
    plan.finish.set_option(sock, SOL_SOCKET, SO_SNDBUF, (64 * KiB).to_bytes(4, "little"))
    receives = [plan.receive_from(sock, 100) for _ in range(4)]
    sends = [plan.send_to(sock, 60 * KiB, to=nobody) for _ in range(16)]
    plan.delay(100 * ms)
    close = plan.close(sock)
    plan.wait(*receives, *sends, close)

    seen = await lab.run(plan)

    assert {seen.returned(step) for step in (*receives, *sends)} == {STATUS_PENDING}
    assert {seen.completions(step) for step in (*receives, *sends, close)} == {1}
    for step in (*receives, sends[-1]):
        assert seen.order(close.call, step.completion, close.completion)
    assert seen.status(close) == STATUS_SUCCESS


@pytest.mark.parametrize("context", [PASSIVE, DISPATCH], ids=str)
async def test_no_datagram_is_indicated_after_a_close_amid_a_flood(lab: Case, context: Context) -> None:
    peer = lab.peer(FloodsDatagrams(for_=1 * s).connecting(), IPV4)
    plan = Scenario()
    plan.callback_events = 5000
    for _ in range(5):
        sock = datagram_socket(plan, IPV4, peer.port)
        plan.finish.enable(sock, Callback.RECEIVE_FROM)
        plan.wait_event(sock, Callback.RECEIVE_FROM)
        plan.finish.close(sock, context=context)

    seen = await lab.run(plan, peer)

    for sock in plan.sockets:
        visits = seen.callbacks(sock, Callback.RECEIVE_FROM)
        close = seen.at(sock.close_completion).event
        assert close is not None
        assert visits
        assert all(visit.leave and visit.leave.sequence < close.sequence for visit in visits)
        assert not any(visit.enter.after_close for visit in visits)
