# SPDX-License-Identifier: Apache-2.0
"""Cases that end badly on purpose; tests/guest/test_trouble.py looks at what becomes of them."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time

from harness.core.errors import EvidenceLost
from harness.core.units import KiB, ms, s
from harness.guest.control import Heartbeat
from harness.peer import ReadsToEof
from harness.scenario import DISPATCH, IPV4, Origin, Scenario


async def test_bugcheck(lab):
    """The guest's kernel stops."""
    plan = Scenario(dangerous=True)
    plan.bugcheck(0xDEADDEAD)
    await lab.run(plan)


async def test_frozen(lab):
    """Every processor of the guest loops."""
    async with lab.session.guest_pool.lease() as lease:
        lease.guest.control.heartbeat = Heartbeat(every_s=1, limit_s=3)
    plan = Scenario(dangerous=True)
    plan.freeze()
    await lab.run(plan)


async def test_limit(lab):
    """A receive that nothing completes, until the driver's recovery does."""
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(Origin.WSK_SOCKET, to=peer)
    plan.wait(plan.receive(sock, 10), limit=2 * s)
    await lab.run(plan, peer)


async def test_vm_killed(lab):
    """QEMU is killed while the scenario runs."""
    plan = Scenario()
    plan.delay(5 * s)
    async with lab.session.guest_pool.lease() as lease:
        pid = lease.guest.machine.pid
    asyncio.get_running_loop().call_later(0.5, os.kill, pid, signal.SIGKILL)
    await lab.run(plan)


async def test_channel_killed(lab):
    """The way into the guest breaks while the scenario runs; the guest itself is well."""
    plan = Scenario()
    plan.delay(5 * s)
    async with lab.session.guest_pool.lease() as lease:
        control = lease.guest.control
    asyncio.get_running_loop().call_later(0.5, control.close)
    await lab.run(plan)


async def test_disk_filled(lab):
    """No room is left where the results go; a moment before that there was."""
    plan = Scenario()
    plan.delay(1 * ms)
    await lab.run(plan)
    with (lab.session._folder.parent / "rest").open("wb") as rest, contextlib.suppress(OSError):
        while True:
            rest.write(bytes(4096))
            rest.flush()


async def test_results_deleted(lab):
    """The folder of the results goes while the case is in it."""
    plan = Scenario()
    plan.delay(1 * ms)
    await lab.run(plan)
    shutil.rmtree(lab.session._folder)


async def test_second(lab):
    """Takes long enough for two clocks to differ."""
    plan = Scenario()
    plan.delay(1 * s)
    await lab.run(plan)


async def test_learns(lab):
    """Something that no document fixes."""
    plan = Scenario()
    plan.delay(1 * ms)
    await lab.run(plan)
    lab.record("a delay", "is one")


async def test_events_lost(lab):
    """The trace has no room for all events."""
    plan = Scenario()
    plan.event_capacity = 2
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    plan.finish.close(sock)
    await lab.run(plan)


async def test_deviation(lab):
    """The guest does not do what is asserted."""
    plan = Scenario()
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    seen = await lab.run(plan)
    assert seen.completions(sock.creation) == 2


async def test_fault_of_our_own(lab):
    """A test that is wrong."""
    raise ValueError("a fault in the test itself")


async def test_well(lab):
    """A case without trouble."""
    plan = Scenario()
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    plan.finish.close(sock)
    await lab.run(plan)


async def test_process_killed(lab):
    """The process that the lab is in ends."""
    await asyncio.sleep(10)
    os.kill(os.getpid(), signal.SIGKILL)


async def test_also_endless(lab):
    """Another one."""
    await test_endless(lab)


async def test_endless(lab):
    """A case that somebody interrupts."""
    plan = Scenario()
    plan.delay(60 * s)
    await lab.run(plan)


async def test_bugcheck_at_dispatch(lab):
    """A socket that is used at DISPATCH_LEVEL after its close takes the guest down."""
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario(dangerous=True)
    sock = plan.connected(Origin.WSK_SOCKET, to=peer)
    plan.close(sock, racing=True, context=DISPATCH)
    plan.disconnect(sock, context=DISPATCH)
    await lab.run(plan, peer)


async def test_missing_slot(lab):
    """A function that the provider's dispatch table does not have."""
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(Origin.WSK_CONNECT_EX, to=peer)
    plan.finish.close(sock)
    await lab.run(plan, peer)


async def test_packets_dropped(lab):
    """The capture's socket has no room for a burst of packets, and the kernel drops them."""
    capture = lab.session.capture
    keep, slow = capture._keep, iter(range(40))

    def keep_slowly(frame):
        if next(slow, None) is not None:
            time.sleep(0.05)
        keep(frame)

    capture._keep = keep_slowly
    capture._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(Origin.WSK_SOCKET, to=peer)
    for _ in range(8):
        plan.send(sock, 64 * KiB)
    plan.finish.disconnect(sock)
    plan.finish.close(sock)
    await lab.run(plan, peer)


tries = []


async def test_inconclusive_once(lab):
    """The first try loses its evidence, the second does not."""
    tries.append(lab)
    plan = Scenario()
    plan.socket(IPV4)
    await lab.run(plan)
    if len(tries) == 1:
        raise EvidenceLost("the first try sees nothing")
