# SPDX-License-Identifier: Apache-2.0
"""The SSH channel against a real OpenSSH server: what works, and each way in which it can fail."""

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from reluctant import BUSY, reluctant
from sshd import HOST, PASSWORD, Server, sshd

from harness.core.errors import ChannelLost, GuestHung, HarnessError
from harness.guest import channel, ssh
from harness.guest.ssh import Login, SshChannel

LIMIT = 30.0  # for what ends long before
LARGE = os.urandom(1 << 20) * 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def talk(server: Server, body: Callable[[SshChannel], Awaitable[object]], login: Login | None = None) -> None:
    """Run `body` with a channel that is logged in."""

    async def main() -> None:
        channel = await SshChannel.connect(HOST, login or server.login, LIMIT, server.port)
        try:
            await body(channel)
        finally:
            channel.close()

    asyncio.run(main())


def test_commands_files_and_streams(server: Server) -> None:
    async def body(channel: SshChannel) -> None:
        result = await channel.exec("cat; echo oops >&2; exit 3", b"hello")
        assert (result.status, result.stdout, result.stderr) == (3, b"hello", b"oops\n")
        stream = await channel.stream("cat")
        await asyncio.to_thread(stream.write, b"there\0and\r\nback")
        got = b""
        while len(got) < 14:
            got += await asyncio.to_thread(stream.read, 100)
        assert got == b"there\0and\r\nback"
        stream.close()
        assert await asyncio.to_thread(stream.read, 100) == b""

    talk(server, body)


def test_a_large_file_goes_there_and_back_by_sftp(server: Server) -> None:
    async def body(channel: SshChannel) -> None:
        await channel.upload("large", LARGE)
        digest = (await channel.exec(f"sha256sum < {server.folder}/large")).stdout.split()[0].decode()
        assert digest == hashlib.sha256(LARGE).hexdigest()
        assert await channel.download("large", most=len(LARGE)) == LARGE

    talk(server, body)


def test_a_file_that_cannot_be_transferred_is_named(server: Server) -> None:
    async def body(channel: SshChannel) -> None:
        with pytest.raises(HarnessError, match="no/such/folder") as refused:
            await channel.upload("no/such/folder", b"x")
        assert not isinstance(refused.value, ChannelLost)
        with pytest.raises(HarnessError, match="reading missing"):
            await channel.download("missing", most=1)
        await channel.upload("ten", b"x" * 10)
        with pytest.raises(HarnessError, match="10 bytes, more than the 9"):
            await channel.download("ten", most=9)
        assert (await channel.exec("echo alive")).stdout == b"alive\n"

    talk(server, body)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give its server a password of its own")
def test_a_password_is_as_good_as_a_key(server: Server) -> None:
    async def body(channel: SshChannel) -> None:
        assert (await channel.exec("echo in")).stdout == b"in\n"

    talk(server, body, replace(server.login, key=None, password=PASSWORD))


def test_a_wrong_password_is_refused_with_what_to_do(server: Server) -> None:
    login = replace(server.login, key=None, password="wrong")
    with pytest.raises(
        HarnessError, match=r"refuses .* with the password of its image.*build the image again"
    ):
        talk(server, unreachable, login)


def test_a_key_that_is_not_let_in_is_refused(server: Server, tmp_path: Path) -> None:
    with sshd(tmp_path) as other, pytest.raises(HarnessError, match="with the key of its image"):
        talk(server, unreachable, replace(server.login, key=other.login.key))


def test_another_host_key_is_refused_before_anything_is_told(server: Server, tmp_path: Path) -> None:
    with sshd(tmp_path) as other, pytest.raises(HarnessError, match="another host key"):
        talk(server, unreachable, replace(server.login, host_key=other.login.host_key))
    log = (server.folder / "log").read_text()
    assert "Failed" not in log.rpartition("Connection closed")[2]


def test_a_host_key_of_another_kind_is_refused(server: Server) -> None:
    rsa = "ssh-rsa " + server.login.host_key.split()[1]
    with pytest.raises(HarnessError, match="another host key"):
        talk(server, unreachable, replace(server.login, host_key=rsa))


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_host_keys_of_other_kinds_can_be_pinned_too(kind: str, tmp_path: Path) -> None:
    async def body(channel: SshChannel) -> None:
        assert (await channel.exec("true")).status == 0

    with sshd(tmp_path, kind) as server:
        talk(server, body)


def test_a_command_that_does_not_end_is_hung_and_the_channel_lives_on(server: Server) -> None:
    async def body(channel: SshChannel) -> None:
        with pytest.raises(GuestHung, match=r"`sleep 60` did not end within 0\.2 s"):
            await channel.exec("sleep 60", limit=0.2)
        assert (await channel.exec("echo alive")).stdout == b"alive\n"

    talk(server, body)


def test_a_connection_that_drops_fails_everyone_who_waits(server: Server) -> None:
    async def body(channel: SshChannel) -> None:
        stream = await channel.stream("cat")
        waiting = asyncio.gather(
            channel.exec("sleep 60"), asyncio.to_thread(stream.read, 1), return_exceptions=True
        )
        pid = (await channel.exec("echo $PPID")).stdout
        os.kill(int(pid), signal.SIGKILL)  # the server's process for this connection
        lost, end = await waiting
        assert isinstance(lost, ChannelLost)
        assert isinstance(end, ChannelLost) or end == b""
        for later in (channel.exec("true"), channel.upload("x", b""), channel.stream("true")):
            with pytest.raises(ChannelLost):
                await later

    talk(server, body)


def test_a_server_that_never_answers_is_hung() -> None:
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(GuestHung, match=r"no SSH login .* within 0\.3 s"):
            asyncio.run(SshChannel.connect(HOST, Login("root", "ssh-ed25519 AAAA"), 0.3, port))


def test_what_is_no_ssh_server_is_a_line() -> None:
    with socket.create_server((HOST, 0)) as other:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = other.accept()
                    with connection:
                        connection.sendall(b"220 mail\r\n" * 200)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ChannelLost, match=r"no SSH login at .* within 2 s, \d+ times: .*logging in"):
            asyncio.run(
                SshChannel.connect(HOST, Login("root", "ssh-ed25519 AAAA"), 2, other.getsockname()[1])
            )
        other.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("greeting", [b"", BUSY], ids=["silent", "busy"])
def test_a_server_that_drops_its_first_connections_however_late_is_asked_again(
    server: Server, greeting: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(channel, "_AGAIN_S", 0.01)
    caplog.set_level(logging.INFO, channel.__name__)

    async def main(port: int) -> None:
        connection = await SshChannel.connect(HOST, server.login, LIMIT, port, heard.append)
        assert (await connection.exec("echo in")).stdout == b"in\n"
        connection.close()

    heard: list[str] = []
    with reluctant(server.port, cuts=6, step=80, greeting=greeting) as (port, reluctance):
        asyncio.run(main(port))
    assert reluctance.cut == 6
    told = [record.getMessage() for record in caplog.records if record.name == channel.__name__]
    # The server itself turns some away: who logged in too often in vain waits, by its settings, a second.
    assert len(told) >= 6
    assert all(line.startswith("SSH login at 127.0.0.1: asked again") for line in told)
    (word,) = heard
    assert word.startswith(
        f"no SSH login at 127.0.0.1 yet, it is tried for {LIMIT:g} s: the connection broke"
    )


def test_a_server_that_drops_every_connection_is_no_guest_that_hangs(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_AGAIN_S", 0.01)
    with (
        reluctant(server.port, cuts=1_000_000, step=0) as (port, _),
        pytest.raises(ChannelLost, match=r"within 0\.5 s, \d+ times: the connection broke"),
    ):
        asyncio.run(SshChannel.connect(HOST, server.login, 0.5, port))


async def unreachable(_channel: SshChannel) -> None:
    raise AssertionError("logged in")


@pytest.mark.parametrize("command", ["yes", "yes >&2", "yes & yes >&2"])
def test_a_command_that_never_stops_talking_is_ended(
    server: Server, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "_MOST_SAID", 1 << 20)

    async def body(channel: SshChannel) -> None:
        with pytest.raises(
            HarnessError, match=f"`{command}` said more than 1 MiB in the guest; it was ended"
        ):
            await channel.exec(command, limit=LIMIT)
        assert (await channel.exec("echo on", limit=LIMIT)).stdout == b"on\n"

    talk(server, body)


@pytest.mark.parametrize(
    ("command", "stdout", "stderr"),
    [
        ("head -c 12000000 /dev/zero >&2; echo end", 4, 12_000_000),
        ("cat", 12_000_000, 0),
        ("cat >&2", 0, 12_000_000),
        ("echo end", 4, 0),
    ],
)
def test_what_is_more_than_a_window_holds_up_nothing(
    server: Server, command: str, stdout: int, stderr: int
) -> None:
    """On any of a command's three streams, and also what it never reads."""

    async def body(channel: SshChannel) -> None:
        result = await channel.exec(command, bytes(12_000_000), limit=LIMIT)
        assert (result.status, len(result.stdout), len(result.stderr)) == (0, stdout, stderr)

    talk(server, body)
