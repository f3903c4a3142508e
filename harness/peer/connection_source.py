# SPDX-License-Identifier: Apache-2.0
"""Where a peer's connections come from."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Container
from typing import Any, TypeVar

from harness.peer.connection import Connection

Address = tuple[str, int]
AnyPort = TypeVar("AnyPort", bound=contextlib.AbstractContextManager[Any])


class ConnectionSource(ABC):
    """Hands out connections one after the other; `port` tells their packets from all others'."""

    port: int
    in_vain: frozenset[int] = frozenset()  # ports from which it tried to connect when it was too early

    @abstractmethod
    async def next(self) -> Connection:
        """The next connection, established. Whoever takes it closes it."""

    @abstractmethod
    def close(self) -> None:
        """No more connections."""


def unused(take: Callable[[], AnyPort], number: Callable[[AnyPort], int], used: Container[int]) -> AnyPort:
    """A free port outside `used`: attempts to connect are told apart by their ports.

    The kernel gives out a port again as soon as it is free.
    """
    with contextlib.ExitStack() as held:
        while number(port := take()) in used:
            held.enter_context(port)
        return port
