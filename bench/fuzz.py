# SPDX-License-Identifier: Apache-2.0
"""Random, mutated and truncated scenarios through the driver's device control on the reference guest.

    .venv/bin/python bench/fuzz.py [--blobs 100000] [--seed N] [--cpus 2]

Each must be answered with a status; none may take the guest down or leave an
IRP or a block of pool behind. Prints the seed, so that a failure can be
repeated, and what the driver answered; also of those so far, when it is
interrupted.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

from harness.core.abi import Reject, TraceOutcome, abi
from harness.core.errors import WskConformanceError
from harness.core.units import us
from harness.evidence import Trace
from harness.guest import find
from harness.guest.control import ControlClient
from harness.run.options import DEFAULTS, Settings
from harness.run.session import Session
from harness.scenario import CONTEXTS, FAMILIES, ORIGINS, Address, Buffer, Scenario, encode, pattern
from images import serial

IN_FLIGHT = 6  # each may ask for the most that the driver allows, and the guest has 256 MiB
SETTLES_S = 10.0
ANSWER_LIMIT_S = 60
RECOVERY_MS = 2000  # what is still pending after this is really hung
MOST_EVENTS = 16384
MOST_RECEIVED = 0x10000
FEW = 100  # rounds of a loop
SHORT_MS = 5  # waits of mutated scenarios are cut to this, or a run would take days


def valid_scenario(rng: random.Random, hosts: dict[int, Address]) -> bytes:
    """A scenario that the driver performs: some calls, on a connected socket or one that is not."""
    family = rng.choice(FAMILIES)
    plan = Scenario(scenario_id=rng.getrandbits(64))
    if rng.random() < 0.5:
        sock = plan.connected(rng.choice(ORIGINS), to=hosts[family])
    else:
        sock = plan.socket(family)
        plan.wait(sock.creation)
    for _ in range(rng.randrange(6)):
        context = rng.choice(CONTEXTS)
        buffer = Buffer(pattern(rng.randrange(1, 300)), mdls=rng.randrange(1, 4), offset=0, slack=8)
        match rng.randrange(5):
            case 0:
                plan.send(sock, buffer, context=context)
            case 1:
                plan.receive(sock, rng.randrange(1, 500), context=context)
            case 2:
                plan.disconnect(sock, flags=rng.randrange(3), context=context)
            case 3:
                plan.disconnect(sock, buffer=buffer, context=context)
            case _:
                plan.delay(rng.randrange(SHORT_MS * 1000) * us)
    if rng.random() < 0.7:
        plan.close(sock)
    return encode(plan)


def mutated(rng: random.Random, blob: bytes) -> bytes:
    """Some bytes changed, most of them in the header and the steps; now and then cut or lengthened."""
    data = bytearray(blob)
    structured = min(len(data), abi.wsktest_scenario.size + 8 * abi.wsktest_step.size)
    for _ in range(rng.randrange(1, 8)):
        place = rng.randrange(structured if rng.random() < 0.9 else len(data))
        data[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    if rng.random() < 0.2:
        del data[rng.randrange(len(data)) :]
    if rng.random() < 0.1:
        data += rng.randbytes(rng.randrange(64))
    return shortened(bytes(data))


def shortened(blob: bytes) -> bytes:
    """The same scenario with short waits, time to recover, a modest trace, and no leave to crash."""
    if len(blob) < abi.wsktest_scenario.size:
        return blob
    header = abi.wsktest_scenario(blob)
    header.flags &= ~abi.WSKTEST_SCENARIO_DANGEROUS
    header.recovery_ms = RECOVERY_MS
    header.event_capacity = min(header.event_capacity, MOST_EVENTS)
    header.receive_size = min(header.receive_size, MOST_RECEIVED)
    parts = [header.dumps()]
    rest = blob[abi.wsktest_scenario.size :]
    while len(rest) >= abi.wsktest_step.size:
        step: Any = abi.wsktest_step(rest)
        step.limit_ms = min(step.limit_ms, SHORT_MS)
        step.delay_us = min(step.delay_us, SHORT_MS * 1000)
        step.count = min(step.count, FEW)
        parts.append(step.dumps())
        rest = rest[abi.wsktest_step.size :]
        if len(parts) > header.step_count:
            break
    return b"".join([*parts, rest])


def a_blob(rng: random.Random, hosts: dict[int, Address]) -> bytes:
    kind = rng.random()
    if kind < 0.2:
        return rng.randbytes(rng.randrange(512))
    if kind < 0.3:
        return valid_scenario(rng, hosts)
    return mutated(rng, valid_scenario(rng, hosts))


async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The far end of every connection: reads to EOF, then closes."""
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    writer.close()


async def fuzz(session: Session, rng: random.Random, blobs: int) -> Counter[str]:
    """How the driver answered, by kind of answer."""
    network = session.network
    answers: Counter[str] = Counter()
    async with session, session.guest() as lease:
        hosts = {}
        for family, host in ((4, network.test_host4), (6, network.test_host6)):
            server = await asyncio.start_server(sink, host, next(session.ports), backlog=1000)
            hosts[family] = Address(family, *server.sockets[0].getsockname()[:2])
        remaining = deque(range(blobs))
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, remaining.clear)

        async def worker(control: ControlClient) -> None:
            while remaining:
                number = remaining.popleft()
                reply = await control.run(a_blob(rng, hosts), ANSWER_LIMIT_S)
                answers[describe(reply.status, reply.payload)] += 1
                if number % 5000 == 4999:
                    print(f"{number + 1} blobs", file=sys.stderr, flush=True)

        before = await lease.guest.control.info()

        async def work() -> None:
            await asyncio.gather(*(worker(lease.guest.control) for _ in range(IN_FLIGHT)))

        await lease.guest.machine.unless_it_fails(work())
        after = await settled(lease.guest.control, before)
        answers["leaked runs"] = int(after["leaked_runs"])
        for tag, count in (blocks(after) - blocks(before)).items():
            answers[f"leaked blocks of pool, tag {tag}"] = count
    return answers


async def settled(control: ControlClient, before: dict[str, str]) -> dict[str, str]:
    """The guest's account when nothing is left, or after a while: it may still be closing sockets."""
    give_up = time.monotonic() + SETTLES_S
    while blocks(after := await control.info()) - blocks(before) and time.monotonic() < give_up:
        await asyncio.sleep(0.1)
    return after


def blocks(info: dict[str, str]) -> Counter[str]:
    """Blocks of pool in use, by tag."""
    pool = {name: value for name, value in info.items() if name.startswith("pool.")}
    return Counter({name.removeprefix("pool."): int(value.split()[0]) for name, value in pool.items()})


def describe(status: int, payload: bytes) -> str:
    if status:
        return f"status 0x{status:08X}"
    trace = Trace.decode(payload)
    if trace.outcome == TraceOutcome.REJECTED:
        return f"rejected: {Reject(trace.reject).name}"
    return str(trace.outcome.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--blobs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument(
        "--cpus", type=int, default=DEFAULTS["cpus"], help="of the guest; with 1 it goes faster"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}")
    guest = find("reference")
    guest.prepare(print)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            session = Session(Settings(cpus=options.cpus), guest, Path(folder), print)
            answers = asyncio.run(fuzz(session, random.Random(options.seed), options.blobs))
        except WskConformanceError as error:
            sys.exit(f"seed {options.seed}: {error}\n{serial(Path(folder))[-2000:]}")
    for answer, count in answers.most_common():
        print(f"{count:8}  {answer}")
    done = sum(count for answer, count in answers.items() if not answer.startswith("leaked"))
    print(f"{done} blobs in {time.monotonic() - start:.0f} s")
    if any(count for answer, count in answers.items() if answer.startswith("leaked")):
        sys.exit(f"seed {options.seed}: something was left behind")
    if answers["HUNG"] or answers["leaked runs"]:
        sys.exit(f"seed {options.seed}: some IRPs were never completed")


if __name__ == "__main__":
    main()
