# SPDX-License-Identifier: Apache-2.0
"""Damaged images of a driver through the loader of the reference guest.

    .venv/bin/python bench/images.py [--images 640] [--seed N]

Each is our driver with its code replaced by returns, so that whatever entry
point comes of the damage does nothing: it is the loader alone that is asked.
Every image must be loaded or refused, every refusal must leave a line that
says why, and none may stop the guest, unless by what the damage made of its
code. Prints the seed, and how many there were of each answer.
"""

import argparse
import asyncio
import io
import random
import re
import struct
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pefile

from harness.core.errors import GuestCrashed, HarnessError, WskConformanceError
from harness.core.paths import BUILT_DRIVER
from harness.guest import find
from harness.guest.ssh import SshChannel
from harness.run.options import Settings
from harness.run.session import Session

PER_GUEST = 50  # those that are loaded stay, and the guest takes 64
BATCH_LIMIT_S = 300
RETURN = b"\xc3"
VALUES = (0, 1, 0x7F, 0x80, 0xFF)
WORDS = (0, 1, 0xFFF, 0x1000, 0x7FFFFFFF, 0x80000000, 0xFFFFF000, 0xFFFFFFFF)
REASON = re.compile(r"ntlab: (image\d+) is not loaded: (.*)")
OWN_FAULT = re.compile(r"ntlab: at (image\d+)\+0x")  # a fault that was met in its code
NUMBER = re.compile(r"\b(0x[0-9a-f]+|\d+)\b")
SECTION = re.compile(r"section \S*(?= lies| can)")


def harmless(image: bytes) -> bytes:
    """The driver, with nothing but returns in its code."""
    pe = pefile.PE(data=image)
    made = bytearray(image)
    for section in pe.sections:
        if section.IMAGE_SCN_MEM_EXECUTE:
            size = section.SizeOfRawData
            made[section.PointerToRawData : section.PointerToRawData + size] = RETURN * size
    return bytes(made)


def places(image: bytes) -> list[range]:
    """What a loader reads: headers, sections' table, imports and relocations."""
    pe = pefile.PE(data=image)
    header = pe.DOS_HEADER.e_lfanew
    table = pe.sections[0].get_file_offset()
    found = [range(header, table), range(table, table + 40 * len(pe.sections))]
    for directory in (1, 5):
        entry = pe.OPTIONAL_HEADER.DATA_DIRECTORY[directory]
        start = pe.get_offset_from_rva(entry.VirtualAddress)
        found.append(range(start, start + entry.Size))
    return found


def damaged(rng: random.Random, image: bytes, where: list[range]) -> bytes:
    """Some bytes or words changed; now and then cut short."""
    data = bytearray(image)
    for _ in range(rng.randrange(1, 5)):
        spot = rng.choice(where)
        place = rng.choice(spot)
        if rng.random() < 0.5:
            data[place] = rng.choice((*VALUES, rng.randrange(256)))
        else:
            struct.pack_into("<I", data, min(place & ~3, len(data) - 4), rng.choice(WORDS))
    if rng.random() < 0.1:
        del data[rng.randrange(len(data)) :]
    return bytes(data)


def packed(images: dict[str, bytes]) -> bytes:
    """A tar archive of them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in images.items():
            entry = tarfile.TarInfo(f"{name}.sys")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def batches(rng: random.Random, count: int) -> Iterator[dict[str, bytes]]:
    image = harmless((BUILT_DRIVER / "wsktest.sys").read_bytes())
    where = places(image)
    for first in range(0, count, PER_GUEST):
        numbers = range(first, min(first + PER_GUEST, count))
        yield {f"image{number}": damaged(rng, image, where) for number in numbers}


async def answered(session: Session, folder: Path, images: dict[str, bytes]) -> Counter[str]:
    """What a fresh guest said to each; the others once more when one stops it by its own code."""
    try:
        return await loaded(session, images)
    except GuestCrashed as crash:
        culprit = OWN_FAULT.findall(serial(folder))
        if not culprit or culprit[-1] not in images:
            raise
        print(f"{culprit[-1]}: {crash}", file=sys.stderr)
        rest = {name: data for name, data in images.items() if name != culprit[-1]}
        return await answered(session, folder, rest) + Counter(
            {"loaded, and stopped the guest by what it ran": 1}
        )


def serial(folder: Path) -> str:
    """What the last guest wrote on its serial port."""
    logs = sorted(folder.glob("serial-*.log"), key=lambda log: log.stat().st_mtime)
    return logs[-1].read_text(errors="replace") if logs else ""


async def loaded(session: Session, images: dict[str, bytes]) -> Counter[str]:
    async with session.guest() as lease:
        channel: SshChannel = lease.guest.connection  # type: ignore[assignment]  # the reference guest's is one

        async def work() -> str:
            await channel.put("/tmp/images.tar", packed(images))
            await channel.exec("tar -x -f /tmp/images.tar -C /tmp; dmesg -c > /dev/null")
            names = " ".join(images)
            load = f"for n in {names}; do echo $n $(ntdriver load $n /tmp/$n.sys); done; dmesg"
            return (await channel.exec(load, limit=BATCH_LIMIT_S)).stdout.decode(errors="replace")

        said = await lease.guest.machine.unless_it_fails(work())
        session.guest_pool.condemn(lease)
    return sorted_out(images, said)


def sorted_out(images: dict[str, bytes], said: str) -> Counter[str]:
    """Answers by kind. Raises HarnessError for a refusal without a reason."""
    statuses = dict(re.findall(r"^(image\d+) ([0-9a-f]{8})\s*$", said, re.MULTILINE))
    reasons = dict(REASON.findall(said))
    answers: Counter[str] = Counter()
    for name in images:
        if name in reasons:
            words = SECTION.sub("a section", NUMBER.sub("N", reasons[name].strip()))
            answers[f"refused: {words}"] += 1
        elif f"DriverEntry of {name} returned" in said or int(statuses[name], 16) < 1 << 31:
            answers["loaded"] += 1
        else:
            raise HarnessError(f"{name} was refused with {statuses[name]}, and nothing said why")
    return answers


async def fuzz(session: Session, folder: Path, rng: random.Random, count: int) -> Counter[str]:
    answers: Counter[str] = Counter()
    async with session:
        for images in batches(rng, count):
            answers += await answered(session, folder, images)
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    guest = find("reference")
    guest.prepare(print)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            session = Session(Settings(), guest, Path(folder), print)
            answers = asyncio.run(fuzz(session, Path(folder), random.Random(options.seed), options.images))
        except WskConformanceError as error:
            sys.exit(f"seed {options.seed}: {error}\n{serial(Path(folder))[-2000:]}")
    for answer, count in answers.most_common():
        print(f"{count:8}  {answer}")
    print(f"{answers.total()} images in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
