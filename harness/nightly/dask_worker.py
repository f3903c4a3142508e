# SPDX-License-Identifier: Apache-2.0
"""The functions that Dask calls in the process of a worker of the farm.

A worker offers its abilities as Dask resources, and the scheduler gives a cell
only to one that offers what the cell demands.
"""

import asyncio
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from harness.core.errors import HarnessError
from harness.lab import kvm
from harness.nightly import images
from harness.nightly.archive import pack
from harness.nightly.attempt import Ended, Runs
from harness.nightly.plan import RunOrder
from harness.nightly.version import version

if TYPE_CHECKING:
    from distributed import Worker

_TOLD_EVERY_S = 1.0
_RUNS: dict[str, Runs] = {}  # of this process, by night


@dataclass(frozen=True)
class WorkerFacts:
    """Facts that a worker tells of its host: memory in MiB, and whether it has the image."""

    version: str
    host: str
    cpus: int
    memory_mib: int
    kvm: bool
    has_image: bool


@dataclass(frozen=True)
class Returned:
    """The result of an attempt; `token` tells which of its beginnings this is the end of."""

    ended: Ended
    worker: str
    token: str
    archive: bytes


def describe(image: str) -> WorkerFacts:
    """`image` is a digest."""
    return WorkerFacts(
        version=version(),
        host=socket.gethostname(),
        cpus=len(os.sched_getaffinity(0)),
        memory_mib=psutil.virtual_memory().available >> 20,
        kvm=kvm.usable()[0],
        has_image=bool(image) and images.at_hand(image),
    )


async def install(image: str, archive: bytes) -> str:
    """Keeps an image in the host's cache, once however many workers it has. What went wrong, or nothing."""
    try:
        await asyncio.to_thread(images.install, image, archive)
    except HarnessError as error:
        return str(error)
    return ""


async def offer(resources: Mapping[str, float], dask_worker: "Worker") -> None:
    """Lets the scheduler give the worker cells that demand no more than this, from now on."""
    await dask_worker.set_resources(**resources)


def perform(order: RunOrder, baselines: Mapping[str, bytes], image: str, night: str, key: str) -> Returned:
    """One attempt; the client hears through the topic `night` when it begins, and how far it is.

    Raises HarnessError when the run cannot be made.
    """
    from distributed import get_worker  # a second, and a night without a farm has no use for it

    worker = get_worker()
    token = os.urandom(8).hex()
    worker.log_event(night, {"key": key, "token": token, "worker": worker.address, "done": 0})
    scratch = Path(tempfile.mkdtemp(prefix="wsk-", dir=worker.local_directory))
    last = time.monotonic()

    def counted(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > _TOLD_EVERY_S:
            last = time.monotonic()
            worker.log_event(night, {"key": key, "token": token, "worker": worker.address, "done": done})

    try:
        folder = scratch / "attempt"
        runs = _RUNS.setdefault(night, Runs())
        ended = runs.perform(order, folder, baselines, counted, images.image_folder(image) if image else None)
        return Returned(ended, worker.address, token, pack(folder))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def stop(night: str) -> None:
    """Ends what runs here for that night."""
    await asyncio.to_thread(_RUNS.setdefault(night, Runs()).stop)


def resources_of(facts: WorkerFacts, image: str) -> dict[str, float]:
    """The Dask resources that such a worker offers."""
    return {
        f"wsk-{facts.version}": facts.cpus,
        "memory": facts.memory_mib,
        "kvm": facts.cpus if facts.kvm else 0,
        **({f"image-{image[:12]}": facts.cpus} if image else {}),
    }


def demands_of(order: RunOrder, image: str) -> dict[str, float]:
    """The Dask resources that the order needs; images of other guests are the hosts' own to have."""
    needed = f"image-{image[:12]}" if order.guest == "reference" else f"image-{order.guest}"
    return {f"wsk-{version()}": 1, "memory": order.memory_mib, needed: 1, **({"kvm": 1} if order.kvm else {})}
