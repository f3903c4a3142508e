# SPDX-License-Identifier: Apache-2.0
"""A machine's QEMU guest agent, asked through libvirt, which keeps its answers and requests in step."""

import libvirt
import libvirt_qemu

from harness.core.errors import ChannelLost, GuestHung, HarnessError
from harness.core.printable import printable
from harness.lab.machine import Machine

_SILENT = (
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE,  # also before the guest has started it
    libvirt.VIR_ERR_AGENT_UNSYNCED,
    libvirt.VIR_ERR_OPERATION_TIMEOUT,
)
_GONE = (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN)


def ask(machine: Machine, command: str, limit: int) -> str:
    """The answer to a command, both JSON; blocks for at most `limit` seconds.

    Raises GuestHung when no answer comes, ChannelLost when the machine has
    ended, HarnessError when the agent refuses.
    """
    try:
        answer: str = libvirt_qemu.qemuAgentCommand(machine.domain, command, limit, 0)
    except libvirt.libvirtError as error:
        code = error.get_error_code()
        if code in _SILENT:
            raise GuestHung(f"the guest agent does not answer: {error}") from error
        if code in _GONE:
            raise ChannelLost(f"the guest agent is gone with its VM: {error}") from error
        raise HarnessError(f"the guest agent refuses: {printable(str(error))}") from error
    return answer
