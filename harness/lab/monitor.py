# SPDX-License-Identifier: Apache-2.0
"""QEMU's own monitor, for what libvirt has no word for."""

import json
from typing import Any

import libvirt
import libvirt_qemu

from harness.core.errors import HarnessError


def command(domain: "libvirt.virDomain", name: str, **arguments: str) -> dict[str, Any]:
    """QEMU's answer to a command of its monitor. Raises HarnessError, with QEMU's words, when it refuses."""
    asked = json.dumps({"execute": name, "arguments": arguments})
    told = json.loads(libvirt_qemu.qemuMonitorCommand(domain, asked, 0))
    if "error" in told:
        raise HarnessError(f"QEMU refuses {name}: {told['error'].get('desc', told['error'])}")
    answer: dict[str, Any] = told["return"]
    return answer
