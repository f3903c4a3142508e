# SPDX-License-Identifier: Apache-2.0
"""Which of Hyper-V's interfaces KVM offers to Windows here, found out by starting QEMU with them.

They make Windows' clock exact and its waiting cheap. A host may lack some; QEMU
then does not start at all, so each group is tried before a guest depends on it.
What each does: QEMU's documentation, system/i386/hyperv.
"""

import subprocess
from collections.abc import Callable
from functools import cache as once

from harness.lab.domain import QEMU

_LIMIT_S = 20.0
_CPU = "host,vmx=off,svm=off"  # as the machine has it

# libvirt's name -> QEMU's words, in groups of which each needs those before it.
GROUPS: tuple[dict[str, str], ...] = (
    {"relaxed": "hv-relaxed", "vapic": "hv-vapic", "spinlocks": "hv-spinlocks=0x1fff", "crash": "hv-crash"},
    {"vpindex": "hv-vpindex", "runtime": "hv-runtime", "synic": "hv-synic"},
    {"time": "hv-time", "stimer": "hv-stimer,hv-stimer-direct", "frequencies": "hv-frequencies"},
    {"tlbflush": "hv-tlbflush", "ipi": "hv-ipi"},
)


@once
def offered() -> tuple[str, ...]:
    """libvirt's names of those that work here with KVM; asked once a process, in a second or so."""
    return longest(_qemu_starts)


def longest(works: Callable[[str], bool]) -> tuple[str, ...]:
    """The names of as many groups, from the first, as work together; `works` is given QEMU's words."""
    names: list[str] = []
    words: list[str] = []
    for group in GROUPS:
        words += group.values()
        if not works(",".join(words)):
            break
        names += group
    return tuple(names)


def _qemu_starts(words: str) -> bool:
    """Paused, and ended by its monitor as soon as it reads: its processor has been set up by then."""
    command = [QEMU, "-accel", "kvm", "-machine", "q35", "-cpu", f"{_CPU},{words}"]
    command += ["-S", "-nodefaults", "-display", "none", "-m", "64", "-monitor", "stdio"]
    try:
        done = subprocess.run(command, input=b"quit\n", capture_output=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
