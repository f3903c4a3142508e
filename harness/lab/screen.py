# SPDX-License-Identifier: Apache-2.0
"""A machine's keyboard and screen, for what has no other way in yet."""

import contextlib
from pathlib import Path

import libvirt

from harness.core.errors import HarnessError
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
    """The file with the machine's screen: `stem`.png, or .ppm from a QEMU before 7.1. Raises HarnessError."""
    try:
        stream = machine.domain.connect().newStream(0)
        path = stem.with_suffix(_SUFFIXES.get(machine.domain.screenshot(stream, 0), ".ppm"))
        size = 0
        with path.open("wb") as file:
            while chunk := stream.recv(_CHUNK_BYTES):
                size += file.write(chunk)
                if size > _MOST_BYTES:
                    stream.abort()
                    raise HarnessError(f"no screenshot: it is larger than {_MOST_BYTES >> 20} MiB")
        stream.finish()
    except (libvirt.libvirtError, OSError) as error:
        raise HarnessError(f"no screenshot: {error}") from error
    return path
