# SPDX-License-Identifier: Apache-2.0
"""The connection to libvirt is closed when nobody uses it any more: libvirt frees it all the same."""

import asyncio
import threading
from pathlib import Path
from xml.etree.ElementTree import Element

import libvirt
import pytest

from harness.core.errors import HarnessError
from harness.lab import hypervisor
from harness.lab.hypervisor import Hypervisor


class SlowConnection:
    """It starts no machine, and takes until it is told to for saying so."""

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.answered: bool | None = None
        self.answered_before_closed: bool | None = None
        self.closed = False

    def domainEventRegisterAny(self, *_: object) -> int:
        return 1

    def domainEventDeregisterAny(self, _: int) -> None:
        pass

    def createXML(self, *_: object) -> None:
        self.asked.set()
        self.may_answer.wait(60)
        self.answered = True
        raise libvirt.libvirtError("no machine today")

    def close(self) -> None:
        self.answered_before_closed = self.answered
        self.closed = True


def test_a_start_that_is_under_way_ends_before_the_connection_closes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connection = SlowConnection()
    monkeypatch.setattr(libvirt, "open", lambda _: connection)

    async def interrupted() -> None:
        with Hypervisor("test:///default") as opened:
            start = asyncio.create_task(opened.start(Element("domain"), tmp_path / "serial.log"))
            await asyncio.to_thread(connection.asked.wait, 60)
            start.cancel()
            threading.Timer(0.3, connection.may_answer.set).start()

    asyncio.run(interrupted())
    assert connection.answered_before_closed


def test_a_connection_that_stays_in_use_is_left_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connection = SlowConnection()
    monkeypatch.setattr(libvirt, "open", lambda _: connection)
    monkeypatch.setattr(hypervisor, "_START_LIMIT_S", 0.1)

    async def interrupted() -> None:
        with Hypervisor("test:///default") as opened:
            start = asyncio.create_task(opened.start(Element("domain"), tmp_path / "serial.log"))
            await asyncio.to_thread(connection.asked.wait, 60)
            start.cancel()
        assert not connection.closed
        connection.may_answer.set()

    asyncio.run(interrupted())
    assert not connection.closed


def test_nothing_starts_behind_its_end(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="not open"):
        asyncio.run(Hypervisor("test:///default").start(Element("domain"), tmp_path / "serial.log"))
