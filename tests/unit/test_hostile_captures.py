# SPDX-License-Identifier: Apache-2.0
"""Whatever is in a capture, reading it ends with 0 or 2 and one line, soon, and in little memory."""

import contextlib
import gzip
import random
import resource
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import conformance
import pytest
from capture_corpus import corpus
from click.testing import CliRunner
from frames import block, ethernet, exchange, interface, packet, pcap, section

from harness.cli.main import cli
from harness.core.errors import UsageError
from harness.core.units import MiB

VIEWS = (["--list"], ["--list", "--format", "json"], ["--connection", "1"], ["--interface", "0", "--list"])
EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)
MUTATIONS = 400
MOST_MEMORY = 600 * MiB  # of addresses, most of it Python's own
FRAMES = [ethernet(one) for one in exchange()]
BEGUN = section() + interface()


def mutated(chance: random.Random, data: bytes) -> bytes:
    """The file with bytes changed, a length made extreme, a part cut out or repeated, or the end missing."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(len(changed))
        match chance.randrange(5):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                place -= place % 4
                changed[place : place + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(EXTREMES))
            case 2:
                del changed[place : place + chance.randrange(1, 64)]
            case 3:
                changed[place:place] = changed[place : place + chance.randrange(1, 200)]
            case 4:
                del changed[max(place, 1) :]
        changed = changed or bytearray(b"\0")
    return bytes(changed)


def hostile() -> Iterator[bytes]:
    chance = random.Random(4)
    whole = [gzip.decompress(one.data) if one.name.endswith(".gz") else one.data for one in corpus()]
    for _ in range(MUTATIONS):
        data = mutated(chance, chance.choice(whole))
        yield gzip.compress(data, 1) if chance.random() < 0.1 else data


def test_no_mutation_of_the_corpus_is_a_surprise(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    for number, data in enumerate(hostile()):
        path.write_bytes(data)
        began = time.process_time()
        command = ["report", "--capture", str(path), *VIEWS[number % len(VIEWS)]]
        with contextlib.suppress(UsageError):
            CliRunner().invoke(cli, command, catch_exceptions=False)
        assert time.process_time() - began < 5


def record(claimed: int) -> bytes:
    return struct.pack("<IIII", 0, 0, claimed, claimed)


HUGE = {
    "a block of 4 GiB": BEGUN + struct.pack("<II", 0x80000001, 0xFFFFFFFC) + bytes(100),
    "a packet block of 4 GiB": BEGUN + struct.pack("<II", 6, 0xFFFFFFFC) + bytes(100),
    "a section of 4 GiB": section()[:4] + b"\xfc\xff\xff\xff" + section()[8:] + bytes(100),
    "an interface of 4 GiB": section() + struct.pack("<II", 1, 0xFFFFFFFC) + bytes(100),
    "a packet that claims 4 GiB": BEGUN + block(6, struct.pack("<IIIII", 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF)),
    "a record of 4 GiB": pcap([]) + record(0xFFFFFFFF) + bytes(100),
    "a packet of 4 GiB on the wire": pcap([]) + struct.pack("<IIII", 0, 0, 54, 0xFFFFFFFF) + FRAMES[0],
    "zeros that gzip made small": gzip.compress(BEGUN + bytes(40 * MiB), 1),
    "a thousand million empty records": gzip.compress(pcap([])) + gzip.compress(bytes(16 * MiB), 9) * 1000,
    "blocks that gzip made small": gzip.compress(BEGUN + block(0x80000001, bytes(15 * MiB)) * 3, 1),
    "many interfaces": section() + interface() * 200_000,
    "many sections": (BEGUN + packet(FRAMES[0], 1)) * 30_000,
    "many link types": section()
    + b"".join(map(interface, range(300, 20_300)))
    + b"".join(packet(b"x", 1, number) for number in range(20_000)),
}


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


@pytest.mark.parametrize("what", HUGE)
def test_what_claims_to_be_huge_takes_no_memory_and_no_long_time(what: str, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(HUGE[what])
    command = [str(conformance.BIN / "wsk-conformance"), "report", "--capture", str(path), "--list"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=limited)
    assert ran.returncode in (0, 2), ran.stderr
    assert ran.stderr.count("\n") == (ran.returncode == 2), ran.stderr
    assert len(ran.stderr) < 1000
    assert len(ran.stdout) < 100_000
