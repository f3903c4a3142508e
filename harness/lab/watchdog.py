# SPDX-License-Identifier: Apache-2.0
"""Cleans up after a lab that died: a process of its own that outlives it by a moment.

It holds the reading end of a pipe whose writing end only the lab has. However
the lab ends, even by SIGKILL, the pipe closes; then the watchdog kills what
still runs under the lab's embed root and deletes the root.

It runs as a plain script, without the package, so that it costs next to nothing.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

# libvirt may be about to start QEMU when the lab dies: look until it has been quiet this long.
_QUIET_S = 0.3
_LIMIT_S = 10.0
# What the lab says when it ends in good order, so that nothing more can be on its way.
_END = b"end"


def start(root: Path) -> "subprocess.Popen[bytes]":
    """Watch over `root` until this process ends or calls `end`."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,  # empty: its end is noticed at once
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # the signal that ends the lab's group must not end its watchdog
    )


def end(watch: "subprocess.Popen[bytes]") -> None:
    """Have everything cleaned up, and wait for it."""
    with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
        watch.communicate(_END, timeout=2 * _LIMIT_S)


def processes_of(root: str) -> list[int]:
    """Processes with a path under `root` in their command line: QEMU names its monitor's socket there."""
    mark = f"{root}/".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in command:
            found.append(int(entry.name))
    return found


def _clean_up(root: str, quiet_s: float) -> None:
    """Kill until nothing has been found for `quiet_s`, then delete."""
    now = time.monotonic()
    give_up, quiet_since = now + _LIMIT_S, now
    while now < give_up:
        found = processes_of(root)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        now = time.monotonic()
        if found:
            quiet_since = now
        elif now - quiet_since >= quiet_s:
            break
        time.sleep(0.02)
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    ended_well = sys.stdin.buffer.read() == _END
    _clean_up(sys.argv[1], 0.0 if ended_well else _QUIET_S)
