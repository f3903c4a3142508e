# SPDX-License-Identifier: Apache-2.0
"""Peers that speak UDP; tests/guest/cases/test_datagrams.py has them speak to the guest."""

import asyncio

import pytest

from harness.core.errors import UsageError
from harness.core.units import s
from harness.peer import EchoesDatagrams, FloodsDatagrams


def test_a_flood_has_to_know_where_to() -> None:
    with pytest.raises(UsageError, match="connecting"):
        FloodsDatagrams().bind("127.0.0.1")


def test_only_its_correspondent_is_heard() -> None:
    class DatagramRecorder(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.got: asyncio.Queue[bytes] = asyncio.Queue()

        def datagram_received(self, data: bytes, _: object) -> None:
            self.got.put_nowait(data)

    async def scene() -> list[bytes]:
        peer = EchoesDatagrams(2).bind("127.0.0.1")
        loop = asyncio.get_running_loop()
        async with peer, asyncio.timeout(10):
            to = ("127.0.0.1", peer.port)
            first, one = await loop.create_datagram_endpoint(DatagramRecorder, remote_addr=to)
            other, _ = await loop.create_datagram_endpoint(DatagramRecorder, remote_addr=to)
            first.sendto(b"a")
            got = [await one.got.get()]
            other.sendto(b"x")
            first.sendto(b"b")
            got.append(await one.got.get())
            assert await peer.finished(5 * s)
            first.close()
            other.close()
        assert peer.received == b"ab"
        return got

    assert asyncio.run(scene()) == [b"a", b"b"]
