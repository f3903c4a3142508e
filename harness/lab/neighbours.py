# SPDX-License-Identifier: Apache-2.0
"""Tells whether somebody on a link has an address, by the kernel's own ARP and neighbour discovery."""

import asyncio
import contextlib
import socket

from pyroute2 import IPRoute

from harness.core.errors import HarnessError

_DISCARD_PORT = 9
_POLL_S = 0.1


async def wait_for(address: str, mac: str, limit: float) -> None:
    """Waits until that MAC address answers for `address`. Raises HarnessError after `limit` seconds."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        async with asyncio.timeout(limit):
            while mac.lower() not in await asyncio.to_thread(_holders, address, family):
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise HarnessError(
            f"the guest does not answer for {address} on its network under test within {limit:g} s"
        ) from None


def _holders(address: str, family: int) -> set[str]:
    """The MAC addresses that the kernel knows for it, having asked once more."""
    with socket.socket(family, socket.SOCK_DGRAM) as asking, contextlib.suppress(OSError):
        asking.sendto(b"", (address, _DISCARD_PORT))
    with IPRoute() as route:
        found = route.get_neighbours(family=family, dst=address)
    return {mac.lower() for entry in found if (mac := entry.get_attr("NDA_LLADDR"))}
