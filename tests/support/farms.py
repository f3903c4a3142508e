# SPDX-License-Identifier: Apache-2.0
"""A Dask scheduler and workers on this host, each in a process of its own."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.paths import REPOSITORY

_LIMIT_S = 120.0
_DASK = (sys.executable, "-m", "dask")


@dataclass
class Cluster:
    """`workers` by their addresses; `folder` has what all of them say."""

    folder: Path
    address: str
    stack: ExitStack
    workers: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def add_worker(self, *options: str) -> str:
        """Its address."""
        name = f"worker-{len(self.workers)}"
        arguments = ["worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", *options]
        log = self.folder / f"{name}.log"
        process = _start([*arguments, "--local-directory", str(self.folder / name)], log, self.stack)
        address = wait_for_line(log, r"Start worker at: +(tcp://\S+)", process)
        wait_for_line(log, r"(Registered to)", process)
        self.workers[address] = process
        return address

    def lose(self, address: str) -> None:
        """SIGKILL, as when its host vanishes."""
        self.workers[address].kill()
        self.workers[address].wait(_LIMIT_S)


@contextmanager
def cluster(folder: Path, workers: Sequence[Sequence[str]] = ()) -> Iterator[Cluster]:
    """A farm with a worker for each list of options. All of it has ended behind the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        log = folder / "scheduler.log"
        process = _start(["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"], log, stack)
        made = Cluster(folder, wait_for_line(log, r"Scheduler at: +(tcp://\S+)", process), stack)
        for options in workers:
            made.add_worker(*options)
        yield made


def wait_for_line(log: Path, pattern: str, process: "subprocess.Popen[bytes]") -> str:
    """The first group of the pattern, once the log has it."""
    give_up = time.monotonic() + _LIMIT_S
    while not (found := re.search(pattern, log.read_text(errors="replace"))):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < give_up, log.read_text(errors="replace")
        time.sleep(0.05)
    return found[1]


def _start(arguments: Sequence[str], log: Path, stack: ExitStack) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        process = subprocess.Popen([*_DASK, *arguments], cwd=REPOSITORY, stdout=out, stderr=out)
    stack.callback(process.wait, _LIMIT_S)
    stack.callback(process.kill)
    return process
