# SPDX-License-Identifier: Apache-2.0
"""The WinRM channel against an endpoint that checks its NTLM, over HTTPS and with its messages encrypted."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reluctant import reluctant
from wsman import PASSWORD, USER, WsmanService, wsman

from harness.core.errors import ChannelLost, GuestHung, HarnessError
from harness.core.paths import REPOSITORY
from harness.guest import channel, winrm
from harness.guest.control import ControlClient
from harness.guest.winrm import Account, WinRmChannel

HOST = "127.0.0.1"
LIMIT = 60.0  # for what ends long before
WSKCTL = REPOSITORY / "build" / "guest_driver" / "wskctl"
DATA = os.urandom(300_001)


@pytest.fixture(scope="module", params=[True, False], ids=["https", "encrypted"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WsmanService]:
    with wsman(tmp_path_factory.mktemp("wsman"), https=request.param) as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls that bring no output are repeated sooner."""
    monkeypatch.setattr(winrm, "_OPERATION_LIMIT_S", 1)


@pytest.fixture
def endpoint(served: WsmanService) -> Iterator[WsmanService]:
    """The service as good as new: no misbehaviour, nothing heard yet. No test leaves a shell in it."""
    served.requests.clear()
    yield served
    served.faults.clear()
    give_up = time.monotonic() + LIMIT
    while served.shells and time.monotonic() < give_up:
        time.sleep(0.02)  # a stream's reader may be ending its own
    assert served.shells == {}


def account(endpoint: WsmanService, **changes: Any) -> Account:
    return replace(Account(HOST, USER, PASSWORD, endpoint.certificate, endpoint.port), **changes)


def talk(login: Account, body: Callable[[WinRmChannel], Awaitable[object]]) -> None:
    async def main() -> None:
        channel = await WinRmChannel.connect(login, LIMIT)
        try:
            await body(channel)
        finally:
            channel.close()

    asyncio.run(main())


def test_commands_end_with_their_status_and_all_they_wrote(endpoint: WsmanService) -> None:
    async def body(channel: WinRmChannel) -> None:
        result = await channel.exec("tee /dev/stderr", DATA[:20_000])
        assert (result.status, result.stdout, result.stderr) == (0, DATA[:20_000], DATA[:20_000])
        result = await channel.exec("ls /nowhere")
        assert (result.status, result.stdout, b"/nowhere" in result.stderr) == (2, b"", True)

    talk(account(endpoint), body)


def test_nothing_is_on_the_wire_in_clear(endpoint: WsmanService) -> None:
    async def body(channel: WinRmChannel) -> None:
        await channel.exec("echo a-word-that-is-sought")

    talk(account(endpoint), body)
    heard = b"".join(endpoint.requests)
    assert (b"a-word-that-is-sought" in heard) == (endpoint.certificate is not None)  # there TLS hides it


def test_files_go_there_and_back(endpoint: WsmanService, tmp_path: Path) -> None:
    path = f"{tmp_path}/it's here"

    async def body(channel: WinRmChannel) -> None:
        await channel.upload(path, DATA)
        assert Path(path).read_bytes() == DATA
        assert await channel.download(path, most=len(DATA)) == DATA
        with pytest.raises(HarnessError, match="300001 bytes, more than 300000"):
            await channel.download(path, most=len(DATA) - 1)
        with pytest.raises(HarnessError, match="no/such/file"):
            await channel.download(f"{tmp_path}/no/such/file", most=1)
        with pytest.raises(HarnessError, match="did not arrive whole"):
            await channel.upload(f"{tmp_path}/no/such/folder", b"x")

    talk(account(endpoint), body)


def test_wskctl_serves_over_a_stream(endpoint: WsmanService) -> None:
    async def body(channel: WinRmChannel) -> None:
        control = await ControlClient.open(await channel.stream(f"{WSKCTL} serve"), LIMIT)
        replies = await asyncio.gather(*(control.run(bytes(100_000), LIMIT) for _ in range(3)))
        assert [reply.payload for reply in replies] == [b""] * 3  # there is no driver here
        assert {reply.status for reply in replies} == {0xC0000001}
        control.close()

    talk(account(endpoint), body)


def test_a_stream_ends_with_its_command(endpoint: WsmanService) -> None:
    async def body(channel: WinRmChannel) -> None:
        stream = await channel.stream("echo over")
        assert await asyncio.to_thread(stream.read, 100) == b"over\n"
        assert await asyncio.to_thread(stream.read, 100) == b""
        other = await channel.stream("sleep 60")
        reading = asyncio.create_task(asyncio.to_thread(other.read, 100))
        other.close()
        assert await reading == b""

    talk(account(endpoint), body)


def test_a_command_that_does_not_end_is_hung_and_ended(endpoint: WsmanService) -> None:
    async def body(channel: WinRmChannel) -> None:
        with pytest.raises(GuestHung, match=r"`sleep 60` did not end within 0\.1 s"):
            await channel.exec("sleep 60", limit=0.1)

    talk(account(endpoint), body)
    assert "sleep" not in str(
        [process.args for shell in endpoint.shells.values() for process in shell.values()]
    )


async def unreachable(_channel: WinRmChannel) -> None:
    raise AssertionError("logged in")


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"user": "nobody"}])
def test_a_wrong_login_is_refused_with_what_to_do(endpoint: WsmanService, changes: dict[str, str]) -> None:
    with pytest.raises(HarnessError, match=r"refuses .* with the password of its image .*build the image"):
        talk(account(endpoint, **changes), unreachable)


def test_another_certificate_is_refused_before_the_login(tmp_path: Path) -> None:
    with wsman(tmp_path, https=True) as endpoint:
        with pytest.raises(HarnessError, match="another certificate"):
            talk(account(endpoint, certificate="0" * 64), unreachable)
        assert endpoint.requests == []


@pytest.mark.parametrize("way", ["clear", "open_door"])
def test_an_endpoint_that_talks_in_clear_is_refused(tmp_path: Path, way: str) -> None:
    with wsman(tmp_path, https=False) as endpoint:
        endpoint.clear = True
        setattr(endpoint, way, True)
        with pytest.raises(HarnessError, match="in clear"):
            talk(account(endpoint), unreachable)
        assert b"Envelope" not in b"".join(endpoint.requests)


@pytest.mark.parametrize("action", ["Create", "Command", "Receive"])
def test_a_fault_is_told_in_its_words(endpoint: WsmanService, action: str) -> None:
    async def body(channel: WinRmChannel) -> None:
        endpoint.faults[action] = (2150859174, "the quota is used up")
        with pytest.raises(HarnessError, match="the quota is used up"):
            await channel.exec("true")

    talk(account(endpoint), body)


def test_answers_that_are_nonsense_are_a_line(endpoint: WsmanService) -> None:
    async def body(channel: WinRmChannel) -> None:
        endpoint.nonsense = True
        with pytest.raises(ChannelLost):
            await channel.exec("true")
        endpoint.nonsense = False

    talk(account(endpoint), body)


def test_an_endpoint_that_goes_away_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        with wsman(tmp_path, https=False) as endpoint:
            channel = await WinRmChannel.connect(account(endpoint), LIMIT)
        with pytest.raises(ChannelLost):
            await channel.exec("true")

    asyncio.run(main())


def test_a_silent_endpoint_is_hung(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winrm, "_REQUEST_LIMIT_S", 2)
    with wsman(tmp_path, https=False) as endpoint:
        endpoint.silent = True
        with pytest.raises(GuestHung, match=r"no WinRM login .* \d times: .* no answer within 2 s"):
            asyncio.run(WinRmChannel.connect(account(endpoint), 5))


def test_an_endpoint_that_cuts_its_first_connections_off_is_asked_again(
    endpoint: WsmanService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of TLS and of NTLM too: neither is another certificate, nor a wrong password."""
    monkeypatch.setattr(channel, "_AGAIN_S", 0.01)
    heard: list[str] = []

    async def main(port: int) -> None:
        opened = await WinRmChannel.connect(account(endpoint, port=port), LIMIT, heard.append)
        assert (await opened.exec("echo in")).stdout == b"in\n"
        opened.close()

    with reluctant(endpoint.port, cuts=10, step=100) as (port, reluctance):
        asyncio.run(main(port))
    assert reluctance.cut == 10
    (word,) = heard  # of the first, for who waits
    assert word.startswith(f"no WinRM login at 127.0.0.1 yet, it is tried for {LIMIT:g} s: ")


def test_an_endpoint_that_is_busy_for_its_first_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winrm, "_REQUEST_LIMIT_S", 2)

    async def main(endpoint: WsmanService) -> None:
        opening = asyncio.create_task(WinRmChannel.connect(account(endpoint), LIMIT))
        await asyncio.sleep(3)
        endpoint.silent = False
        (await opening).close()

    with wsman(tmp_path, https=False) as endpoint:
        endpoint.silent = True
        asyncio.run(main(endpoint))


def test_where_nobody_listens_the_login_is_hung() -> None:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(GuestHung, match=r"no WinRM login .* within 0\.3 s"):
        asyncio.run(WinRmChannel.connect(Account(HOST, USER, PASSWORD, None, port), 0.3))
