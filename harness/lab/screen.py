# SPDX-License-Identifier: Apache-2.0
"""A machine's keyboard and screen, for what has no other way in yet."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import libvirt

from harness.core.errors import HarnessError
from harness.lab import libvirt_embed, monitor, qemu_user
from harness.lab.machine import Machine

_HELD_MS = 100
_ENTER = 28  # KEY_ENTER of linux/input-event-codes.h
_CHUNK_BYTES = 1 << 16
_MOST_BYTES = 64 << 20
_SUFFIXES = {"image/png": ".png"}


def press_enter(machine: Machine) -> None:
    """Harmless when the machine has just ended."""
    with contextlib.suppress(libvirt.libvirtError):
        machine.domain.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, _HELD_MS, [_ENTER], 1, 0)


def screenshot(machine: Machine, stem: Path) -> Path:
    """The file with the machine's screen: `stem`.png, or .ppm of an old QEMU. Raises HarnessError."""
    try:
        return _streamed(machine, stem) if machine.pid is None else _written(machine, stem)
    except (libvirt.libvirtError, OSError, HarnessError) as error:
        raise HarnessError(f"no screenshot: {error}") from error


def _written(machine: Machine, stem: Path) -> Path:
    """Takes a picture by our own QEMU. libvirt would have it write into a file of root's, which it is not."""
    path = stem.with_suffix(".png")
    with tempfile.NamedTemporaryFile(dir=libvirt_embed.root(), prefix="screen-") as file:
        qemu_user.lend(Path(file.name))
        monitor.command(machine.domain, "screendump", filename=file.name, format="png")
        _keep(path, iter(lambda: file.read(_CHUNK_BYTES), b""))
    return path


def _streamed(machine: Machine, stem: Path) -> Path:
    stream = machine.domain.connect().newStream(0)
    path = stem.with_suffix(_SUFFIXES.get(machine.domain.screenshot(stream, 0), ".ppm"))
    try:
        _keep(path, iter(lambda: stream.recv(_CHUNK_BYTES), b""))
    except HarnessError:
        stream.abort()
        raise
    stream.finish()
    return path


def _keep(path: Path, chunks: Iterator[bytes]) -> None:
    """Raises HarnessError for a picture that is larger than any screen."""
    size = 0
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        for chunk in chunks:
            size += file.write(chunk)
            if size > _MOST_BYTES:
                raise HarnessError(f"it is larger than {_MOST_BYTES >> 20} MiB")
