# SPDX-License-Identifier: Apache-2.0
"""Collects the QEMUs that libvirt started and that have ended.

libvirt puts each QEMU into the background, where it becomes a child of the
machine's init, and later waits until its number is free again. An init that is
slow to collect its children, or a container's that never does, would cost a
minute. So this process adopts them, and collects them itself.
"""

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_INTERVAL_S = 0.1


def adopt() -> None:
    """Makes this process the parent of what its children leave behind, from now on."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextlib.contextmanager
def collecting() -> Iterator[None]:
    """While libvirt may be starting and ending QEMUs of its own, to learn what they can do."""
    done = threading.Event()

    def collect() -> None:
        while not done.wait(_INTERVAL_S):
            for pid in _ended():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    worker = threading.Thread(target=collect, name="reaper", daemon=True)
    worker.start()
    try:
        yield
    finally:
        done.set()
        worker.join()


def _ended() -> list[int]:
    """QEMUs among our children that have ended; those of our own session have somebody who waits for them."""
    us, our_session = os.getpid(), os.getsid(0)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(errors="replace")
        except OSError:
            continue
        # pid (name) state parent group session ...: see proc(5).
        name, _, rest = stat.partition("(")[2].rpartition(")")
        state, parent, _group, session = rest.split()[:4]
        ours = int(parent) == us and int(session) != our_session
        if ours and state == "Z" and name.startswith("qemu-system"):
            found.append(int(entry.name))
    return found
