# SPDX-License-Identifier: Apache-2.0
"""Tells whether KVM works, by running guest instructions.

/dev/kvm can be there, open, and create VMs, while no guest instruction ever
makes progress: a cloud VM without nested virtualisation behaves so. Only a
vCPU that has really run tells.

The ioctls and structures are those of linux/kvm.h on x86-64.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import subprocess
import sys
from functools import cache as once
from pathlib import Path

from harness.core import cache
from harness.core.errors import HarnessError

_LIMIT_S = 5.0  # a vCPU that runs is done in milliseconds; a busy host takes a second to start the probe
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
    hangs; that it hangs is remembered until the host boots again.
    """
    if not _DEVICE.exists():
        return False, f"{_DEVICE} does not exist"
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return False, f"{_DEVICE} is not accessible to this user; join the group kvm"
    hangs = f"{_DEVICE} is there, but a vCPU made no progress within {_LIMIT_S:.0f} s"
    hung_in_boot = cache.folder("kvm") / "hung-in-boot"
    boot = _BOOT_ID.read_text()
    if hung_in_boot.is_file() and hung_in_boot.read_text() == boot:
        return False, hangs
    # In a process of its own, because a vCPU that is stuck can only be killed.
    command = [sys.executable, "-m", "harness.lab.kvm", str(_DEVICE)]
    try:
        probe = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        hung_in_boot.write_text(boot)
        return False, hangs
    if probe.returncode != 0:
        lines = probe.stderr.strip().splitlines()
        return False, f"{_DEVICE} is there, but the probe failed: {lines[-1] if lines else 'no reason given'}"
    return True, "a vCPU ran"


def _run_guest_code(path: str) -> None:
    """Run two million loop iterations and HLT in real mode; raises OSError or HarnessError."""
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

    fcntl.ioctl(vcpu, _KVM_RUN, 0)
    (reason,) = struct.unpack_from("<I", run, _EXIT_REASON_OFFSET)
    if reason != _KVM_EXIT_HLT:
        raise HarnessError(f"the vCPU stopped with exit reason {reason} instead of HLT")


def _address(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


if __name__ == "__main__":
    _run_guest_code(sys.argv[1])
