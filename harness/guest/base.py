# SPDX-License-Identifier: Apache-2.0
"""The interface of every guest: a way to start it with the driver installed, and a way to talk to it then."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.core.clock_rate import AS_IT_SAYS, ClockRate

if TYPE_CHECKING:
    from harness.guest.channel import ExecResult
    from harness.guest.control import ControlClient
    from harness.lab.hypervisor import Hypervisor
    from harness.lab.machine import Machine
    from harness.lab.namespace import Network

# Takes a line about each step of the work.
Progress = Callable[[str], None]


class GuestConnection(Protocol):
    """The connection that carries the control's stream."""

    async def exec(self, command: str, *, limit: float = 30.0) -> "ExecResult":
        """Run a command to its end. Raises ChannelLost, or GuestHung after `limit` seconds."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True)
class OwnDump:
    """Where a guest leaves the dump that it writes of itself: a file in a partition of a disk (qcow2)."""

    disk: Path
    partition: int
    path: str


@dataclass(frozen=True)
class RunningGuest:
    """A guest with the driver started. `accelerator` is "kvm" or "tcg"; `build` names what runs in it.

    `baseline` names the file with its recorded behaviour, without a suffix.
    """

    name: str
    kind: str
    build: str
    baseline: str
    accelerator: str
    machine: "Machine"
    control: "ControlClient"
    connection: GuestConnection
    info: dict[str, str]
    dump: str  # where a crash leaves the guest's own memory dump, or why it leaves none
    memory_dump: bool = False  # is its memory dumped from outside when it is lost, unless the user decides?
    own_dump: OwnDump | None = None  # None: it writes none
    ends_itself: bool = False  # now and then, by order: as an evaluation of Windows that is over
    kept: Path | None = None  # the booted guest that it went on from
    clock_rate: ClockRate = AS_IT_SAYS  # of its performance counter

    async def stop(self) -> None:
        """Destroy the guest: none is used twice. Again is harmless."""
        self.control.close()
        await asyncio.to_thread(self.machine.destroy)
        self.connection.close()


@dataclass(frozen=True)
class Fault:
    """A wrong behaviour on demand: the rows of the catalogue that it breaks, and what it does."""

    rows: tuple[str, ...]
    text: str
    everywhere: bool = False  # it spoils so much of what scenes are made of that any row may be broken too


_RACES = "races"  # the one freedom that takes a number: races:4711


def freedom_and_seed(chosen: str) -> tuple[str, int | None]:
    """A freedom as somebody chose it, and the seed behind its name, if it takes one."""
    name, _, seed = chosen.partition(":")
    return (name, int(seed)) if name == _RACES and seed.isdecimal() else (chosen, None)


@dataclass(frozen=True)
class Freedom:
    """Another way of keeping every promise, on demand.

    `rows` of the catalogue that it touches, the `words` that leave it open, what it does, and the
    freedoms that it consists of when it is several.
    """

    rows: tuple[str, ...]
    words: str
    text: str
    parts: tuple[str, ...] = ()


class Guest(Protocol):
    """A kind of VM that the driver can be tested in."""

    name: str
    memory_mib: int  # of one VM: who plans several of them needs to know
    is_light: bool  # starts in seconds and needs little: a second one is worth it where the first would wait
    takes: frozenset[str]  # which of "nic", "strict_client", "verifier" and "vbs" it can be started with

    def faults(self) -> Mapping[str, Fault]:
        """The wrong behaviours it can be started with, by name."""

    def freedoms(self) -> Mapping[str, Freedom]:
        """The other ways of keeping every promise that it can be started with, by name."""

    def prepare(self, progress: Progress) -> None:
        """Have its image ready; takes long only the first time. Raises HarnessError.

        Call it before namespace.enter(): what it may have to fetch comes over the host's network.
        """

    async def start(
        self,
        hypervisor: "Hypervisor",
        network: "Network",
        *,
        fault: str | None,
        freedoms: tuple[str, ...] = (),
        cpus: int = 2,
        serial_log: Path,
        progress: Progress,
    ) -> RunningGuest:
        """Boot it and start the driver. Raises HarnessError when it does not come up."""
