# SPDX-License-Identifier: Apache-2.0
"""Connections of the reference guest's, one after another: does its pool stay as it is?

    .venv/bin/python bench/soak.py [--connections 100000] [--each 6000] [--cpus 2]

Each is made, carries a byte, and is closed before the next is made. A plan holds some 6,550, for its trace
keeps the events of them all; so it takes several. Prints a line a plan with what the pool holds after it.
Exit status 1 when a connection failed, or when the pool is larger at the end than after the first plan.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from harness.core.abi import TraceOutcome
from harness.core.errors import HarnessError, WskConformanceError
from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import seconds
from harness.evidence import Trace
from harness.evidence.operation_traces import rounds
from harness.guest import find
from harness.run.case import answer_limit
from harness.run.options import DEFAULTS, Settings
from harness.run.session import Session
from harness.scenario import IPV4, WSK_SOCKET, Address, Operation, Scenario, encode

EACH = 6000
Pool = dict[str, str]  # blocks and bytes, by tag


async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The far end of every connection: reads until the guest resets it."""
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    writer.close()


def plan_of(count: int, there: Address) -> tuple[Scenario, Operation]:
    """So many connections, and the close of each."""
    plan = Scenario()
    with plan.repeat(count):
        sock = plan.connected(WSK_SOCKET, to=there)
        plan.finish.send(sock, b"!")
        close = plan.finish.close(sock)
    return plan, close


async def soaked(session: Session, connections: int, each: int) -> AsyncIterator[Pool]:
    """The guest's pool after each plan. Raises HarnessError when a connection failed."""
    async with session, session.guest() as lease:
        control, machine = lease.guest.control, lease.guest.machine
        server = await asyncio.start_server(
            sink, session.network.test_host4, next(session.ports), backlog=1000
        )
        there = Address(IPV4, *server.sockets[0].getsockname()[:2])
        for done in range(0, connections, each):
            plan, close = plan_of(min(each, connections - done), there)
            reply = await machine.unless_it_fails(control.run(encode(plan), seconds(answer_limit(plan))))
            trace = Trace.decode(reply.payload)
            closes = rounds(trace.events)[close.number].values()
            well = sum(bool(one.completion and one.completion.io_status == STATUS_SUCCESS) for one in closes)
            if trace.outcome != TraceOutcome.COMPLETED or well != min(each, connections - done):
                raise HarnessError(
                    f"of the plan after {done} connections {well} ended well: {trace.outcome.name}"
                )
            info = await control.info()
            yield {name: value for name, value in info.items() if name.startswith("pool.")}


async def soak(session: Session, connections: int, each: int) -> bool:
    """Is the pool at the end what it was after the first plan? Says what it holds meanwhile."""
    readings: list[Pool] = []
    start = time.monotonic()
    async for pool in soaked(session, connections, each):
        readings.append(pool)
        done = min(len(readings) * each, connections)
        held = ", ".join(f"{name.removeprefix('pool.')} {value}" for name, value in sorted(pool.items()))
        print(f"{done:8} connections in {time.monotonic() - start:.0f} s: {held}", flush=True)
    return readings[0] == readings[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=EACH, help="of a plan")
    parser.add_argument("--cpus", type=int, default=DEFAULTS["cpus"], help="of the guest")
    options = parser.parse_args()
    guest = find("reference")
    guest.prepare(print)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Settings(cpus=options.cpus), guest, Path(folder), print)
        try:
            flat = asyncio.run(soak(session, options.connections, options.each))
        except WskConformanceError as error:
            sys.exit(str(error))
    if not flat:
        sys.exit("the pool has grown")


if __name__ == "__main__":
    main()
