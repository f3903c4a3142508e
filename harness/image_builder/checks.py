# SPDX-License-Identifier: Apache-2.0
"""Checks that this machine can build an image and run it, before anything takes long."""

from pathlib import Path

from harness.core.check import Check
from harness.core.errors import HarnessError, UsageError
from harness.image_builder.versions import Version
from harness.lab import host

# A fresh server takes 10 GiB, a client 16; updates are off, and the page file is sparse.
NEEDED_BYTES = 24 << 30

_TOOLS = {"qemu-img": "qemu-utils"}
_TPM_TOOLS = {"swtpm": "swtpm", "swtpm_setup": "swtpm-tools"}


def needs(version: Version | None, folder: Path) -> list[Check]:
    """The requirements of a build, KVM apart; for an unknown version those of all versions."""
    tools = _TOOLS | (_TPM_TOOLS if version and version.tpm else {})
    return [host.ovmf(), host.tools(tools), host.disk_space(folder, NEEDED_BYTES)]


def require(version: Version, folder: Path, *, emulate: bool) -> bool:
    """Whether KVM will be used. Raises HarnessError, or UsageError for what only the user can decide."""
    for check in needs(version, folder):
        if not check.ok:
            raise HarnessError(f"an image cannot be built here: {check.detail}: {check.remedy}")
    kvm = host.wanted_kvm()
    if not kvm.ok and not emulate:
        raise UsageError(
            f"KVM is not usable here ({kvm.detail}): to install Windows under emulation takes many hours, "
            "and its times mean nothing; do it on a machine with KVM, or go on with --emulate"
        )
    return kvm.ok
