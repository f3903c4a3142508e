# SPDX-License-Identifier: Apache-2.0
"""An ARP request that can be told from every other, by the address it asks to be answered at.

It is a probe in the sense of RFC 5227, section 2.1.1: with no sender IP address
it changes no ARP cache, so the made-up hardware address does no harm.
"""

import asyncio
import ipaddress
import struct

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")  # RFC 826
_ETHERTYPE_ARP = 0x0806
_REQUEST, _REPLY = 1, 2
_BROADCAST = b"\xff" * 6
_LOCALLY_ADMINISTERED = b"\x02"


class Probe:
    """One question; `answered` is set in the loop that made it, once both packets were seen."""

    def __init__(self, interface_address: bytes, guest_address: str, nonce: bytes) -> None:
        self.hardware_address = _LOCALLY_ADMINISTERED + nonce
        self.answered = asyncio.Event()
        self._interface_address = interface_address
        self._guest_address = ipaddress.IPv4Address(guest_address).packed
        self._loop = asyncio.get_running_loop()
        self._asked = False

    def request(self) -> bytes:
        """The frame to send."""
        arp = _ARP.pack(
            1, 0x0800, 6, 4, _REQUEST, self.hardware_address, bytes(4), bytes(6), self._guest_address
        )
        return _ETHERNET.pack(_BROADCAST, self._interface_address, _ETHERTYPE_ARP) + arp

    def see(self, frame: bytes) -> None:
        """Looks at a captured frame, from the capture's thread."""
        if len(frame) < _ETHERNET.size + _ARP.size or _ETHERNET.unpack_from(frame)[2] != _ETHERTYPE_ARP:
            return
        fields = _ARP.unpack_from(frame, _ETHERNET.size)
        operation, sender, sender_ip, target = fields[4:8]
        if operation == _REQUEST and sender == self.hardware_address:
            self._asked = True
            return
        answer = (operation, sender_ip, target) == (_REPLY, self._guest_address, self.hardware_address)
        if self._asked and answer:
            self._loop.call_soon_threadsafe(self.answered.set)
