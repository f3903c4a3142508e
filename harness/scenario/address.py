# SPDX-License-Identifier: Apache-2.0
"""Transport addresses in plans."""

import ipaddress
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from harness.core.abi import abi
from harness.core.errors import UsageError
from harness.scenario.values import Family

_BEYOND = 128  # of a network that has room for some: a lab has two hosts
_DISCARD = 9
NO_FAMILY = abi.wsktest_family.WSKTEST_FAMILY_NONE.value


class Endpoint(Protocol):
    """A transport address: what a peer is to a plan."""

    @property
    def family(self) -> int: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


class Address(NamedTuple):
    """A transport address of its own."""

    family: int
    host: str
    port: int

    @classmethod
    def wildcard(cls, family: int, port: int = 0) -> "Address":
        """Any local address, and any port unless one is given."""
        return cls(family, "0.0.0.0" if family == Family.IPV4 else "::", port)

    @classmethod
    def loopback(cls, family: int, port: int) -> "Address":
        """The guest itself."""
        return cls(family, "127.0.0.1" if family == Family.IPV4 else "::1", port)

    @classmethod
    def unused(cls, endpoint: Endpoint) -> "Address":
        """One on the network of another that nobody there has; the port is that of discard."""
        return cls(endpoint.family, str(_parsed(endpoint.host) + _BEYOND), _DISCARD)

    @classmethod
    def of(cls, endpoint: Endpoint) -> "Address":
        address = cls(endpoint.family, endpoint.host, endpoint.port)
        address.packed()
        if not 0 <= address.port <= 0xFFFF:
            raise UsageError(f"{address.port} is not a port")
        return address

    @property
    def is_wildcard(self) -> bool:
        return _parsed(self.host).is_unspecified

    def mapped(self) -> "Address":
        """An IPv4 address as a dual-mode IPv6 socket names it."""
        return Address(Family.IPV6, str(ipaddress.ip_address(f"::ffff:{self.host}")), self.port)

    def packed(self) -> bytes:
        """The host in network byte order."""
        try:
            host = _parsed(self.host)
        except ValueError:
            raise UsageError(f"{self.host!r} is not an IP address") from None
        if host.version != self.family:
            raise UsageError(f"{self.host} is not an address of IPv{int(self.family)}")
        return host.packed

    def encoded(self) -> Any:
        """The address as struct wsktest_address."""
        octets = list(self.packed().ljust(16, b"\0"))
        return abi.wsktest_address(family=self.family, port=self.port, bytes=octets)

    @classmethod
    def decoded(cls, address: Any) -> "Address | None":
        """None for an address that nobody wrote."""
        if address.family == NO_FAMILY:
            return None
        size = 4 if Family(address.family) == Family.IPV4 else 16
        host = ipaddress.ip_address(bytes(address.bytes)[:size])
        return cls(address.family, str(host), address.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.family == Family.IPV6 else f"{self.host}:{self.port}"


@lru_cache(64)
def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """A run has a handful, and each case asks for them again and again."""
    return ipaddress.ip_address(host)
