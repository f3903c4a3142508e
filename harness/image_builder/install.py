# SPDX-License-Identifier: Apache-2.0
"""Runs an installation: starts the machine, answers the one question, and follows it to its end."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element, indent, tostring

from harness.core.errors import HarnessError
from harness.crash.bugcheck import Bugcheck
from harness.image_builder import stages
from harness.image_builder.install_progress import BuildFailed, InstallProgress
from harness.image_builder.stages import SerialListener
from harness.image_builder.store import SERIAL_LOG
from harness.lab import examine, libvirt_embed, screen, tpm, windows_domain
from harness.lab.hypervisor import Hypervisor
from harness.lab.machine import Machine
from harness.lab.namespace import Network
from harness.lab.windows_domain import WindowsMachine

_POLL_S = 0.1
_PRESS_EVERY_S = 0.5
# Windows' prompt stays for some 5 s; the keys of an emulated machine arrive late.
_PRESSES = 40
# More than the program that asks, with its fonts, and a small part of the Windows PE that it loads then: keys
# that come later would answer questions of Setup.
_LOADER_BYTES = 8 << 20
_TOLD_EVERY_S = 60.0
# QEMU writes what it holds of the disk before it ends.
_END_LIMIT_S = 120.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How patient an installation is: a factor for every limit, and the most starts of the machine."""

    scale: float = 1.0
    most_starts: int = stages.MOST_STARTS


async def install(
    wanted: WindowsMachine, tpm_state: Path | None, network: Network, pace: Pace, tell: Progress
) -> dict[str, str]:
    """Install, from the discs of `wanted` to its disk; the facts that Windows told.

    Raises BuildFailed when it goes wrong; the disk's folder has the evidence then.
    """
    log = wanted.disk.parent / SERIAL_LOG
    with Hypervisor() as hypervisor, contextlib.ExitStack() as stack:
        if tpm_state:
            wanted = replace(wanted, tpm_socket=stack.enter_context(tpm.running(tpm_state)))
        domain = windows_domain.build(wanted, network, log)
        machine = await hypervisor.start(domain, log)
        try:
            return await _follow(machine, wanted.disk, pace, tell)
        except BaseException:
            await asyncio.to_thread(_write_evidence, machine, domain, wanted.disk.parent)
            raise


async def _follow(machine: Machine, disk: Path, pace: Pace, tell: Progress) -> dict[str, str]:
    course = InstallProgress(time.monotonic(), tell, pace.scale, pace.most_starts)
    keys = _presses(machine, course)
    news, told = _News(machine), time.monotonic()
    while not course.ready or not machine.failure.done():
        ended = machine.failure.done()  # asked first: what it said before its end is heard in any case
        now = time.monotonic()
        if news.heard(course, now):
            told = now
        if ended:
            course.end(_why_it_ended(machine))
        course.check_time(now)
        next(keys)
        if now - told >= _TOLD_EVERY_S:
            size = disk.stat().st_blocks * 512 / (1 << 30)
            tell(f"{course.place}: {course.waited(now)}; the disk has {size:.1f} GiB")
            told = now
        await asyncio.sleep(_POLL_S)
    if machine.crashed:
        raise BuildFailed(f"{course.place}: Windows crashed")
    await _gone(machine)
    return course.facts


class _News:
    """News since the last question: output of COM1, and restarts."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._listener = SerialListener()
        self._read = 0
        self._restarts = 0

    def heard(self, course: InstallProgress, now: float) -> bool:
        """Tell the course; whether there was anything."""
        signs = self._listener.hear(self._output())
        for sign in signs:
            course.take(sign, now)
        restarts = sum(event.kind == "reboot" for event in self._machine.events)
        for _ in range(restarts - self._restarts):
            course.restart()
        something = bool(signs) or restarts > self._restarts
        self._restarts = restarts
        return something

    def _output(self) -> bytes:
        try:
            with self._machine.serial_log.open("rb") as log:
                # One that has grown too long was shortened: new output is at its end.
                self._read = min(self._read, log.seek(0, os.SEEK_END))
                log.seek(self._read)
                data = log.read()
        except FileNotFoundError:
            return b""
        self._read += len(data)
        return data


def _presses(machine: Machine, course: InstallProgress) -> Iterator[None]:
    """Each time it is asked and a key is due, press one; none once the disc has been started from."""
    pressed, last, first = 0, 0.0, 0
    while True:
        now = time.monotonic()
        if course.pressing and pressed < _PRESSES and now - last >= _PRESS_EVERY_S:
            loaded = _disc_bytes(machine)
            first = first if pressed else loaded
            if loaded - first > _LOADER_BYTES:
                course.pressing = False
            else:
                screen.press_enter(machine)
                pressed, last = pressed + 1, now
        yield


def _disc_bytes(machine: Machine) -> int:
    """0 when the machine has just ended."""
    try:
        return examine.disc_bytes(machine)
    except HarnessError:
        return 0


def _why_it_ended(machine: Machine) -> str:
    if machine.starved:
        return "the host could not write its disk: is there room?"
    bugcheck = f": {Bugcheck(machine.panic[0], machine.panic[1:])}" if machine.panic else ""
    return f"{machine.failure.result()}{bugcheck}"


async def _gone(machine: Machine) -> None:
    """QEMU has ended by itself; before that its disk must not be touched. Raises BuildFailed."""
    give_up = time.monotonic() + _END_LIMIT_S
    while not any(event.kind == "exited" for event in machine.events):
        if time.monotonic() > give_up:
            raise BuildFailed(f"QEMU did not end within {_END_LIMIT_S:.0f} s after the guest's power-off")
        await asyncio.sleep(_POLL_S)


def _write_evidence(machine: Machine, domain: Element, folder: Path) -> None:
    """Saves what goes with the machine: screen, domain, events, QEMU's log. What fails is left out."""
    indent(domain)
    words = libvirt_embed.root() / "log" / "qemu" / f"{machine.name}.log"
    parts: tuple[Callable[[], object], ...] = (
        lambda: screen.screenshot(machine, folder / "screen"),
        lambda: (folder / "domain.xml").write_text(tostring(domain, encoding="unicode")),
        lambda: (folder / "events.txt").write_text("".join(f"{event}\n" for event in machine.events)),
        lambda: shutil.copyfile(words, folder / "qemu.log"),
    )
    for write in parts:
        with contextlib.suppress(HarnessError, OSError):
            write()
