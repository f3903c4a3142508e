# SPDX-License-Identifier: Apache-2.0
"""The WSK_BUF is the caller's again when the call has returned; what its MDLs describe is not."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import KiB
from harness.peer import ReadsSlowly
from harness.scenario import ALL_ORIGINS, WSK_FLAG_WAITALL, Buffer, Scenario
from harness.verdict import for_each, requires
from suites.scenes import NETWORKS, connected, impossible

RATE = 4096 * KiB  # bytes a second


@requires("X-25")
@for_each(network=NETWORKS, way=ALL_ORIGINS, mdls=(1, 3), unless=impossible)
async def test_the_wsk_buf_is_read_during_the_call_only(lab, network, way, mdls):
    """Its memory is overwritten as soon as each call has returned; every byte arrives all the same."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsSlowly(rate=RATE, exchange=1 * KiB), network, way)
    receive = plan.receive(
        sock, Buffer(b"", length=1 * KiB, mdls=mdls), flags=WSK_FLAG_WAITALL, poison_buf=True
    )
    sends = [plan.send(sock, size, poison_buf=True) for size in (1 * KiB, 300 * KiB)]
    plan.wait(receive)
    disconnect = plan.disconnect(sock, buffer=Buffer(b"at last", mdls=mdls), poison_buf=True)
    plan.wait(*sends, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(disconnect) == STATUS_SUCCESS
    assert peer.received == b"".join(step.data for step in (*sends, disconnect))
    assert seen.data(receive) == sends[0].data
