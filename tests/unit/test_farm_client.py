# SPDX-License-Identifier: Apache-2.0
"""A farm's client without a farm says so at once, and ends in order."""

import contextlib
import socket
import threading
import time
from typing import Any

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.nightly import farm as farm_module
from harness.nightly.farm import Farm


def farm(address: str) -> Farm:
    return Farm(address, [], {}, lambda line: None)


@pytest.mark.parametrize("address", ["zzz", "", "tcp://", "tcp://host", "host:port", "x" * 5000, "a b:1"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    began = time.monotonic()
    with pytest.raises(UsageError, match="is no address of a Dask scheduler"):
        farm(address).__enter__()
    assert time.monotonic() - began < 1


def test_a_port_at_which_nobody_listens_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm_module, "_CONNECT_LIMIT_S", 1.0)
    with pytest.raises(HarnessError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        farm("tcp://127.0.0.1:1").__enter__()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100, bytes(100)])
def test_what_listens_there_and_is_no_scheduler_is_a_line_in_time(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's client would wait for ever for one that says nothing, and end with a traceback for others."""
    monkeypatch.setattr(farm_module, "_CONNECT_LIMIT_S", 1.0)
    monkeypatch.setattr(farm_module, "Client", lambda *_, **__: None)
    held = []

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                held.append(listener.accept()[0])
                held[-1].sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(HarnessError, match="no Dask scheduler answers at 127") as caught:
            farm(f"127.0.0.1:{listener.getsockname()[1]}").__enter__()
        assert time.monotonic() - began < 10
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("address", ["tls://127.0.0.1:1", "ucx://127.0.0.1:1", "inproc://x"])
def test_a_way_that_is_not_set_up_is_a_line_at_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm_module, "_CONNECT_LIMIT_S", 1.0)
    monkeypatch.setattr(farm_module, "Client", lambda *_, **__: None)
    with pytest.raises(HarnessError, match=f"no Dask scheduler answers at {address}"):
        farm(address).__enter__()


def test_a_client_that_is_being_closed_knows_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's client then tells of a scheduler without a word on workers."""
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    watched = farm("tcp://127.0.0.1:1")

    class Closing:
        def scheduler_info(self) -> dict[str, Any]:
            watched._stopped.set()
            return {"type": "Scheduler"}

    watched._client = Closing()
    thread = threading.Thread(target=watched._keep_welcoming)
    thread.start()
    thread.join(10)
    assert raised == []
