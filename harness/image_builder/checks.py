# SPDX-License-Identifier: Apache-2.0
"""Whether this machine can build an image, asked before anything takes long."""

import shutil
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.image_builder.versions import Version
from harness.lab import firmware, kvm

# A fresh server takes 10 GiB, a client 16; updates are off, and the page file is sparse.
NEEDED_BYTES = 24 << 30


def require(version: Version, folder: Path, *, emulate: bool) -> bool:
    """Whether KVM will be used. Raises HarnessError, or UsageError for what only the user can decide."""
    firmware.require()
    _require_tool("qemu-img", "qemu-utils")
    if version.tpm:
        _require_tool("swtpm", "swtpm")
        _require_tool("swtpm_setup", "swtpm-tools")
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise HarnessError(
            f"an image needs {NEEDED_BYTES >> 30} GiB, and {folder} has {free / (1 << 30):.1f} GiB free: "
            "make room, or set XDG_CACHE_HOME to a folder on a larger disk"
        )
    accelerated, reason = kvm.usable()
    if not accelerated and not emulate:
        raise UsageError(
            f"KVM is not usable here ({reason}): to install Windows under emulation takes many hours, "
            "and its times mean nothing; do it on a machine with KVM, or go on with --emulate"
        )
    return accelerated


def _require_tool(name: str, package: str) -> None:
    if shutil.which(name) is None:
        raise HarnessError(f"{name} is missing: apt-get install {package}")
