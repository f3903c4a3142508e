# SPDX-License-Identifier: Apache-2.0
"""A peer that fails for want of files or memory is our failure, and never a hang of the guest's."""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.errors import EvidenceLost, GuestHung, HarnessError
from harness.peer import ReadsToEof
from harness.peer.kernel import KernelConnection
from harness.run.case import Case
from harness.scenario import Scenario


@pytest.fixture
def no_file_more() -> Iterator[None]:
    """Every number of a file is taken once it is asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def take_all_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))


@pytest.mark.parametrize("hung", [GuestHung("receive #6 never completed"), EvidenceLost("no connection")])
@pytest.mark.usefixtures("no_file_more")
def test_what_the_peer_met_decides(monkeypatch: pytest.MonkeyPatch, hung: Exception) -> None:
    async def scene() -> None:
        peer = ReadsToEof().bind("127.0.0.1")
        client = socket.socket()
        client.setblocking(False)

        async def perform(*_: Any) -> Any:
            take_all_files()
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", peer.port))
            await asyncio.sleep(0.2)
            raise hung

        monkeypatch.setattr(Case, "_perform", perform)
        session: Any = SimpleNamespace()
        try:
            await Case(session, "a case").run(Scenario(), peer)
        finally:
            client.close()

    with pytest.raises(HarnessError, match="the peer failed, not the guest: Too many open files"):
        asyncio.run(scene())


def test_a_guest_that_hangs_with_a_peer_that_is_well_has_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    async def perform(*_: Any) -> Any:
        raise GuestHung("receive #6 never completed")

    async def scene() -> None:
        session: Any = SimpleNamespace()
        await Case(session, "a case").run(Scenario(), ReadsToEof().bind("127.0.0.1"))

    monkeypatch.setattr(Case, "_perform", perform)
    with pytest.raises(GuestHung):
        asyncio.run(scene())


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_want_of_this_hosts_is_no_reset(number: int) -> None:
    near, far = socket.socketpair()
    with near, far:
        connection = KernelConnection(near, ("192.0.2.2", 7))
        with pytest.raises(OSError, match="none left"):
            connection.fail(OSError(number, "none left"))
        assert connection.ended == "open"
        connection.fail(OSError(errno.ECONNRESET, "reset"))
        assert str(connection.ended) == "reset"
