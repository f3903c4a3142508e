# SPDX-License-Identifier: Apache-2.0
"""No input of the driver can hurt the guest, and what it opens is gone when it is closed."""

from pathlib import Path

import pytest
from labs import finish, start_lab

pytestmark = pytest.mark.vm

_SCENARIOS = """
    import random
    from harness.core.abi import Reject, TraceOutcome, abi
    from harness.evidence import Trace
    from harness.scenario import *
    from harness.core.units import *

    async def run(guest, data):
        reply = await guest.control.run(data, 60)
        assert reply.status == 0, hex(reply.status)
        return Trace.decode(reply.payload)
"""


def run_lab(body: str, folder: Path) -> list[str]:
    return finish(start_lab(_SCENARIOS.replace("\n    ", "\n") + body.replace("\n    ", "\n"), folder))


def test_opening_and_closing_leaves_the_pool_as_it_was(tmp_path: Path) -> None:
    said = run_lab(
        """
    def opens(category, family, rounds):
        plan = Scenario()
        with plan.repeat(rounds):
            sock = plan.socket(family, category=category)
            plan.wait(sock.creation)
            plan.wait(plan.close(sock))
        return encode(plan)

    def pool(info):
        return {key: value for key, value in info.items() if key.startswith("pool.")}

    async def main():
        with Hypervisor() as hypervisor:
            guest = await started(hypervisor)
            for category in Category:
                await run(guest, opens(category, IPV4, 10))
            await asyncio.sleep(0.2)
            before = pool(await guest.control.info())
            for category in Category:
                for family in FAMILIES:
                    trace = await run(guest, opens(category, family, 200))
                    assert trace.outcome == TraceOutcome.COMPLETED and not trace.lost_events
            await asyncio.sleep(0.2)
            after = pool(await guest.control.info())
            print("tags", len(before) > 2, "same", before == after, before, after)
            await guest.stop()
    asyncio.run(main())
    """,
        tmp_path,
    )
    assert said[-1].startswith("tags True same True"), said[-1]


def test_dangerous_steps_are_refused_unless_they_are_meant_and_then_performed(tmp_path: Path) -> None:
    said = run_lab(
        """
    def double_close(plan, sock):
        plan.wait(plan.close(sock))
        plan.close(sock)

    def null_irp(plan, sock):
        plan.bind(sock, irp=Irp.NONE)

    def oversized(plan, sock):
        plan.send(sock, Buffer(b"x" * 10, excess=100))

    def racing_close(plan, sock):
        plan.barrier(0)
        with plan.strand(1):
            plan.barrier(0)
            plan.bind(sock)
        plan.close(sock, racing=True)

    async def main():
        with Hypervisor() as hypervisor:
            for danger in (double_close, null_irp, oversized, racing_close):
                guest = await started(hypervisor)
                frozen = Scenario(dangerous=True)
                frozen.freeze()
                data = bytearray(encode(frozen))
                data[12:16] = bytes(4)
                assert (await run(guest, bytes(data))).outcome.name == "REJECTED"
                plan = Scenario(dangerous=True)
                sock = plan.socket(IPV4)
                plan.wait(sock.creation)
                danger(plan, sock)
                data = bytearray(encode(plan))
                data[12:16] = bytes(4)
                refused = await run(guest, bytes(data))
                meant = asyncio.ensure_future(run(guest, encode(plan)))
                await asyncio.wait([meant, asyncio.ensure_future(asyncio.shield(guest.machine.failure))],
                                   timeout=30, return_when=asyncio.FIRST_COMPLETED)
                crashed = guest.machine.failure.done() and guest.machine.crashed
                print(danger.__name__, refused.outcome.name,
                      "CRASHED" if crashed else meant.result().outcome.name)
                meant.cancel()
                await asyncio.gather(meant, return_exceptions=True)
                await guest.stop()
    asyncio.run(main())
    """,
        tmp_path,
    )
    performed = dict(line.split(" REJECTED ") for line in said if " REJECTED " in line)
    assert set(performed) == {"double_close", "null_irp", "oversized", "racing_close"}, said
    assert set(performed.values()) <= {"COMPLETED", "CRASHED"}, said
    assert performed["double_close"] == "CRASHED", said


def test_damaged_scenarios_are_refused_or_performed_and_never_hurt(tmp_path: Path) -> None:
    said = run_lab(
        """
    HEADER, STEP = abi.wsktest_scenario.size, abi.wsktest_step.size

    def example(limit):
        plan = Scenario()
        plan.recovery = 50 * ms
        listener = plan.listening(IPV4, 0)
        accepted = plan.accept(listener)
        plan.on_event(listener, Callback.INSPECT, Action.RETAIN)
        plan.cancel(accepted.creation)
        plan.wait(accepted.creation, limit=limit)
        with plan.strand(1):
            plan.barrier(0, limit=limit)
            sock = plan.socket(IPV6, category=Category.STREAM, context=DPC, cpu=1)
            plan.wait(sock.creation, limit=limit)
            bind = plan.bind(sock, irp=Irp.INITIALIZED, context=SPINLOCK)
            plan.wait(bind, limit=limit)
            plan.close(sock, context=inside(bind))
        plan.barrier(0, limit=limit)
        with plan.repeat(3):
            udp = plan.socket(IPV4, category=Category.DATAGRAM)
            plan.wait(udp.creation, limit=limit)
            plan.wait(plan.close(udp), limit=limit)
        udp = plan.socket(IPV4, category=Category.DATAGRAM)
        plan.wait(udp.creation)
        plan.wait(plan.bind(udp))
        plan.enable(udp, Callback.RECEIVE_FROM)
        plan.receive_from(udp, Buffer(b"", length=100, mdls=3, offset=5, slack=7))
        plan.local_address(udp)
        return bytearray(encode(plan))

    def damage(data, rng):
        kept = len(data) if rng.random() < 0.9 else rng.randrange(len(data))
        for _ in range(rng.randrange(1, 8)):
            place = rng.randrange(HEADER, len(data)) if rng.random() < 0.9 else rng.randrange(HEADER)
            data[place] = rng.choice((0, 1, 2, 8, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        data[12:16] = bytes(4)  # neither dangerous nor a client of its own
        data[52:56] = (50).to_bytes(4, "little")
        for step in range(HEADER, len(data) - STEP, STEP):
            for field in ("limit_ms", "delay_us", "count"):  # none of minutes
                high = step + abi.wsktest_step.fields[field].offset + 2
                data[high:high + 2] = bytes(2)
        return bytes(data[:kept])

    async def main():
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        outcomes = {}
        with Hypervisor() as hypervisor:
            guest = await started(hypervisor)
            whole = await run(guest, bytes(example(2000 * ms)))
            print("whole", whole.outcome.name, whole.reject.name, whole.stop_step)
            for number in range(250):
                trace = await run(guest, damage(example(20 * ms), rng))
                name = trace.outcome.name
                outcomes[name] = outcomes.get(name, 0) + 1
            info = await guest.control.info()
            print("seed", seed, outcomes, "leaked", info["leaked_runs"])
            print("crashed", guest.machine.crashed)
            await guest.stop()
    asyncio.run(main())
    """,
        tmp_path,
    )
    assert said[-3] == f"whole COMPLETED NONE {0xFFFFFFFF}", said
    assert "'REJECTED'" in said[-2], said
    assert said[-2].endswith("leaked 0"), said
    assert said[-1] == "crashed False"


def test_the_threads_of_strands_stay_until_the_run_is_over(tmp_path: Path) -> None:
    said = run_lab(
        """
    STRANDS = 3

    async def threads(guest):
        counted = await guest.connection.exec("cat /proc/[0-9]*/comm | grep -c ^nt-system")
        return int(counted.stdout or b"0")

    async def main():
        with Hypervisor() as hypervisor:
            guest = await started(hypervisor)
            before = await threads(guest)
            plan = Scenario()
            for number in range(1, STRANDS + 1):
                with plan.strand(number):
                    plan.nothing()
            plan.delay(3 * s)
            running = asyncio.ensure_future(run(guest, encode(plan)))
            await asyncio.sleep(1)
            meanwhile = await threads(guest)
            early = running.done()
            trace = await running
            print(trace.outcome.name, early, meanwhile - before, await threads(guest) - before)
            await guest.stop()
    asyncio.run(main())
    """,
        tmp_path,
    )
    assert said[-1] == "COMPLETED False 4 0", said  # three strands and the run's own


def test_a_close_in_a_callback_lets_calls_on_other_processors_return(tmp_path: Path) -> None:
    said = run_lab(
        """
    ROUNDS = 12

    def plan_of(port):
        plan = Scenario()
        here, there = (Address.loopback(IPV4, number) for number in (port, port + 1))
        taker, sender = (plan.socket(IPV4, category=Category.DATAGRAM) for _ in range(2))
        plan.wait(taker.creation, sender.creation)
        plan.wait(plan.bind(taker, local=here), plan.bind(sender, local=there))
        plan.enable(taker, Callback.RECEIVE_FROM)
        for number in (1, 2):
            with plan.strand(number):
                plan.barrier(0)
                with plan.repeat(400):
                    plan.wait(plan.local_address(sender))
        plan.barrier(0)
        plan.delay(2 * ms)
        close = plan.close(sender, context=inside(taker, Callback.RECEIVE_FROM))
        plan.wait(plan.send_to(taker, 10, to=here))
        plan.wait(close)
        return plan, close

    async def main():
        with Hypervisor() as hypervisor:
            guest = await started(hypervisor)
            made = 0
            for number in range(ROUNDS):
                plan, close = plan_of(6000 + 2 * number)
                trace = await run(guest, encode(plan))
                kinds = [event.kind.name for event in trace.events if event.step == close.number]
                made += kinds[:1] == ["CALL"]
            print("made", made, "of", ROUNDS)
            await guest.stop()
    asyncio.run(main())
    """,
        tmp_path,
    )
    assert said[-1] == "made 12 of 12", said


@pytest.mark.parametrize(
    ("fault", "pending", "completions", "leaked"),
    [("irp-waits-for-thread", 0, "after the hang", 0), ("lost-irp", 2, "none", 1)],
)
def test_a_run_is_leaked_only_while_an_irp_is_pending_when_its_threads_have_ended(
    fault: str, pending: int, completions: str, leaked: int, tmp_path: Path
) -> None:
    """One disconnect is asked for by the run's own thread, one by a strand's."""
    said = run_lab(
        f"""
    def plan_of():
        plan = Scenario()
        plan.recovery = 500 * ms
        listener = plan.listening(IPV4, 7000)
        ends = []
        for _ in range(2):
            sock = plan.socket(IPV4)
            plan.wait(sock.creation)
            plan.wait(plan.bind(sock))
            plan.wait(plan.connect(sock, to=Address.loopback(IPV4, 7000)))
            ends.append(sock)
        with plan.strand(1):
            plan.barrier(0)
            other = plan.disconnect(ends[1])
        plan.barrier(0)
        own = plan.disconnect(ends[0])
        plan.wait(own, limit=500 * ms)
        return plan, {{own.number, other.number}}

    async def main():
        with Hypervisor() as hypervisor:
            guest = await started(hypervisor, {fault!r})
            plan, asked = plan_of()
            trace = await run(guest, encode(plan))
            hung = [event.sequence for event in trace.events if event.kind.name == "HUNG"]
            ended = [event.sequence for event in trace.events
                     if event.kind.name == "COMPLETION" and event.step in asked]
            when = "none" if not ended else "after the hang" if min(ended) > max(hung) else "before it"
            info = await guest.control.info()
            print(trace.outcome.name, trace.pending, len(hung), when, len(ended), info["leaked_runs"])
            await guest.stop()
    asyncio.run(main())
    """,
        tmp_path,
    )
    ended = 2 - pending
    assert said[-1] == f"HUNG {pending} 2 {completions} {ended} {leaked}", said
