# SPDX-License-Identifier: Apache-2.0
"""Tells whether KVM works, by running guest instructions.

/dev/kvm can be there, open, and create VMs, while no guest instruction ever
makes progress, or each is emulated by who runs the cloud's VM. Only a vCPU
that has really run tells, and only as fast as a processor runs it: QEMU does
not start where the rest of the processor is not there.

The ioctls and structures are those of linux/kvm.h on x86-64.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import subprocess
import sys
import time
from functools import cache as once
from pathlib import Path

from harness.core import cache
from harness.core.errors import HarnessError

_LIMIT_S = 5.0  # a vCPU that runs is done in milliseconds; a busy host takes a second to start the probe
_MOST_S = 0.2  # of processor time, which no busy host stretches: a hundred times what it takes a processor
_TOO_SLOW = 4  # the probe's exit status
_DEVICE = Path("/dev/kvm")
_NESTED = Path("/sys/module")  # of each kind of KVM: kvm_*/parameters/nested
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_KVM_CREATE_VM = 0xAE01
_KVM_GET_VCPU_MMAP_SIZE = 0xAE04
_KVM_CREATE_VCPU = 0xAE41
_KVM_SET_USER_MEMORY_REGION = 0x4020AE46
_KVM_RUN = 0xAE80
_KVM_SET_REGS = 0x4090AE82
_KVM_GET_SREGS = 0x8138AE83
_KVM_SET_SREGS = 0x4138AE84

_SREGS_SIZE = 0x138
_REGS = "<18Q"  # 16 general registers, rip, rflags
_EXIT_REASON_OFFSET = 8  # in struct kvm_run
_KVM_EXIT_HLT = 5

_MEMORY_SIZE = 0x1000
# mov ecx, 2000000; again: dec ecx; jnz again; hlt -- in 16-bit code
_CODE = bytes.fromhex("66b9 80841e00 6649 75fc f4")


def nests() -> bool:
    """Does KVM give its guests virtualisation of their own?"""
    told = [path.read_text().strip() for path in _NESTED.glob("kvm_*/parameters/nested")]
    return any(answer in ("1", "Y") for answer in told)


@once
def usable() -> tuple[bool, str]:
    """(whether KVM runs guest code here, the reason in one line).

    Asked once a process. Takes milliseconds, or the limit of 5 s where KVM
    hangs; that it hangs, or is itself emulated, is remembered until the host boots again.
    """
    if not _DEVICE.exists():
        return False, f"{_DEVICE} does not exist"
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return False, f"{_DEVICE} is not accessible to this user; join the group kvm"
    known = cache.folder("kvm") / "unusable-in-boot"
    boot, _, reason = known.read_text().partition("\n") if known.is_file() else ("", "", "")
    if boot == _BOOT_ID.read_text().strip():
        return False, reason
    # In a process of its own, because a vCPU that is stuck can only be killed.
    command = [sys.executable, "-m", "harness.lab.kvm", str(_DEVICE)]
    try:
        probe = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return _remembered(known, f"a vCPU made no progress within {_LIMIT_S:.0f} s")
    if probe.returncode == _TOO_SLOW:
        return _remembered(known, probe.stdout.strip())
    if probe.returncode != 0:
        lines = probe.stderr.strip().splitlines()
        return False, f"{_DEVICE} is there, but the probe failed: {lines[-1] if lines else 'no reason given'}"
    return True, "a vCPU ran"


def _remembered(known: Path, why: str) -> tuple[bool, str]:
    reason = f"{_DEVICE} is there, but {why}"
    known.write_text(f"{_BOOT_ID.read_text().strip()}\n{reason}")
    return False, reason


def _run_guest_code(path: str) -> float:
    """Run two million loop iterations and HLT in real mode: seconds of processor time that they took.

    Raises OSError or HarnessError.
    """
    device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    vm = fcntl.ioctl(device, _KVM_CREATE_VM, 0)
    memory = mmap.mmap(-1, _MEMORY_SIZE)
    memory.write(_CODE)
    region = struct.pack("<IIQQQ", 0, 0, 0, _MEMORY_SIZE, _address(memory))
    fcntl.ioctl(vm, _KVM_SET_USER_MEMORY_REGION, region)
    vcpu = fcntl.ioctl(vm, _KVM_CREATE_VCPU, 0)
    run = mmap.mmap(vcpu, fcntl.ioctl(device, _KVM_GET_VCPU_MMAP_SIZE, 0))

    sregs = bytearray(_SREGS_SIZE)
    fcntl.ioctl(vcpu, _KVM_GET_SREGS, sregs)
    sregs[0:8] = bytes(8)  # cs.base: real mode starts it at the top of memory
    sregs[12:14] = bytes(2)  # cs.selector
    fcntl.ioctl(vcpu, _KVM_SET_SREGS, bytes(sregs))
    fcntl.ioctl(vcpu, _KVM_SET_REGS, struct.pack(_REGS, *[0] * 17, 2))  # rflags bit 1 is always set

    begun = time.process_time()
    fcntl.ioctl(vcpu, _KVM_RUN, 0)
    spent = time.process_time() - begun
    (reason,) = struct.unpack_from("<I", run, _EXIT_REASON_OFFSET)
    if reason != _KVM_EXIT_HLT:
        raise HarnessError(f"the vCPU stopped with exit reason {reason} instead of HLT")
    return spent


def _address(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


if __name__ == "__main__":
    spent = _run_guest_code(sys.argv[1])
    if spent > _MOST_S:
        print(f"a vCPU took {spent:.1f} s for what takes milliseconds: it is emulated too")
        sys.exit(_TOO_SLOW)
