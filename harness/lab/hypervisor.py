# SPDX-License-Identifier: Apache-2.0
"""Starts machines through libvirt: by default with its QEMU driver in this very process, without a daemon."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from functools import cache as once
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.etree.ElementTree import Element, tostring

import libvirt

from harness.core.errors import HarnessError
from harness.lab import libvirt_embed, qemu_user, reaper, vm_snapshot
from harness.lab.choices import EMBEDDED
from harness.lab.machine import Machine

_START_LIMIT_S = 120.0  # libvirt's own limits come to less; a connection that is in use for longer stays open


class Hypervisor:
    """A connection to libvirt, and the machines that were started through it; leaving it destroys them.

    `uri` may name any QEMU driver of libvirt. The default needs no daemon and
    keeps its files in a private folder that goes away with this process.
    """

    def __init__(self, uri: str = EMBEDDED) -> None:
        self._uri = uri
        self._connection: libvirt.virConnect | None = None
        self._machines: list[Machine] = []
        self._starts = 0  # under way
        self._start_ended = threading.Condition()

    def __enter__(self) -> "Hypervisor":
        _run_event_loop()
        uri = f"{EMBEDDED}?root={libvirt_embed.root()}" if self._uri == EMBEDDED else self._uri
        try:
            self._connection = libvirt.open(uri)
            self._keep_events_flowing(self._connection)
        except libvirt.libvirtError as error:
            raise HarnessError(
                f"libvirt cannot open {self._uri} ({error}); see `wsk-conformance doctor`"
            ) from error
        return self

    def _keep_events_flowing(self, connection: "libvirt.virConnect") -> None:
        """Have one handler for as long as the connection is open.

        When the last handler goes while an event is being queued, libvirt keeps that event without
        a timer to deliver it, and then holds back all that follows: a whole machine's events.
        """
        self._handler = connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _ignore, None
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._start_ended:
            connection, self._connection = self._connection, None
            over = self._start_ended.wait_for(lambda: not self._starts, _START_LIMIT_S)
        with contextlib.ExitStack() as stack:
            if connection is not None and over:
                stack.callback(self._close, connection)
            for machine in self._machines:
                stack.callback(machine.destroy)
            self._machines = []

    @contextlib.contextmanager
    def _starting(self) -> Iterator["libvirt.virConnect"]:
        """The connection, which stays open meanwhile: libvirt frees a closed one, whoever still uses it."""
        with self._start_ended:
            if self._connection is None:
                raise HarnessError("the hypervisor is not open; use it in a `with` block")
            connection = self._connection
            self._starts += 1
        try:
            yield connection
        finally:
            with self._start_ended:
                self._starts -= 1
                self._start_ended.notify_all()

    def _close(self, connection: "libvirt.virConnect") -> None:
        with contextlib.suppress(libvirt.libvirtError):
            connection.domainEventDeregisterAny(self._handler)
        connection.close()

    @property
    def is_here(self) -> bool:
        """Do its machines run on this host, as this process's own?"""
        return self._uri == EMBEDDED

    async def start(self, description: Element, serial_log: Path, kept: Path | None = None) -> Machine:
        """Start a machine; its event handlers are attached before its first instruction.

        It boots, or goes on from the booted machine that is `kept` there, which
        takes a hypervisor that is here. Raises HarnessError, with QEMU's own
        words, when it cannot be started.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(self._start_now, description, serial_log, kept, loop)

    async def freeze(self, machine: Machine, kept: Path) -> None:
        """Keep a booted machine for others to go on from. Raises HarnessError when that fails."""
        await asyncio.to_thread(vm_snapshot.freeze, machine.domain, kept, _door(machine.name))

    def _start_now(
        self, description: Element, serial_log: Path, kept: Path | None, loop: asyncio.AbstractEventLoop
    ) -> Machine:
        with self._starting() as connection:
            return self._start(connection, description, serial_log, kept, loop)

    def _start(
        self,
        connection: "libvirt.virConnect",
        description: Element,
        serial_log: Path,
        kept: Path | None,
        loop: asyncio.AbstractEventLoop,
    ) -> Machine:
        if kept:
            description = vm_snapshot.awaiting(description, _door(description.findtext("name", "")))
        try:
            with reaper.collecting():
                if self.is_here:
                    qemu_user.become(description, connection.getVersion())
                domain = connection.createXML(
                    tostring(description, encoding="unicode"), libvirt.VIR_DOMAIN_START_PAUSED
                )
            with contextlib.suppress(
                OSError
            ):  # QEMU makes it for itself alone; the report beside it is for all
                serial_log.chmod(0o644)
            machine = Machine(domain, self._qemu_pid(domain.name()), serial_log, loop)
            self._machines.append(machine)
            # For those who want to know what machine it was.
            serial_log.with_suffix(".xml").write_text(domain.XMLDesc())
            if kept:
                vm_snapshot.thaw(kept, _door(machine.name))
            machine.resume()
        except (OSError, libvirt.libvirtError) as error:
            raise HarnessError(f"the VM cannot be started: {error}; see `wsk-conformance doctor`") from error
        if self.is_here:
            with contextlib.suppress(OSError):  # a full disk costs the next run some seconds
                libvirt_embed.keep_capabilities()
        return machine

    def _qemu_pid(self, name: str) -> int | None:
        """QEMU's process id; None where libvirt is not in this process: that QEMU is not ours to watch."""
        if not self.is_here:
            return None
        return int((libvirt_embed.root() / "run" / "qemu" / f"{name}.pid").read_text())


def _door(name: str) -> Path:
    """A Unix socket of a machine's QEMU."""
    return libvirt_embed.root() / f"{name}.door"


@once
def _run_event_loop() -> None:
    """libvirt wants its loop registered before the first connection, and run for as long as there are any."""
    libvirt.virEventRegisterDefaultImpl()
    # Errors arrive as exceptions; without a handler libvirt prints them too.
    libvirt.registerErrorHandler(_ignore, None)
    threading.Thread(target=_turn, name="libvirt events", daemon=True).start()


def _turn() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def _ignore(*_: Any) -> None:
    pass
