# SPDX-License-Identifier: Apache-2.0
"""wskctl.exe and wsktest.sys on the only Windows that runs everywhere, through its real service manager.

Wine's WSK is nobody's reference: its WskDisconnect never completes an IRP.
What matters here is that ours survives that and says so.
"""

import asyncio
import os
import pty
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sshd import HOST, Server, sshd
from windowslike import seal
from wine import WINE, Wine, wine

from harness.core.abi import EventKind, Reject, TraceOutcome, abi
from harness.core.ntstatus import STATUS_IO_TIMEOUT, STATUS_NOT_IMPLEMENTED, STATUS_SUCCESS, STATUS_TIMEOUT
from harness.core.units import ms
from harness.evidence import Trace
from harness.guest.control import ByteStream, ControlClient
from harness.guest.driver_install import deploy, remove
from harness.guest.options import GuestOptions
from harness.guest.ssh import SshChannel
from harness.scenario import IPV4, WSK_SOCKET, Address, Context, Scenario, encode

pytestmark = pytest.mark.wine

LIMIT = 60.0  # for what ends long before


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    with wine(tmp_path_factory.mktemp("wine")) as made, made.session():
        yield made


@pytest.fixture
def windows(prefix: Wine) -> Wine:
    """Wine with the driver started; what a hung run leaves loaded stays."""
    if "abi=" not in prefix.wskctl("info").stdout:
        assert prefix.wskctl("install", r"C:\wsk\wsktest.sys").returncode == 0
        assert prefix.wskctl("start").returncode == 0
    return prefix


class LoopbackPeer:
    """Takes connections on loopback and reads each to its end."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address(IPV4, *self._listener.getsockname())
        self.received: list[bytes] = []
        self._ended = threading.Semaphore(0)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                data = b""
                while chunk := connection.recv(65536):
                    data += chunk
                self.received.append(data)
                self._ended.release()

    def wait_for_end(self) -> bytes:
        assert self._ended.acquire(timeout=LIMIT)
        return self.received[-1]

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def peer() -> Iterator[LoopbackPeer]:
    made = LoopbackPeer()
    yield made
    made.close()


def perform(windows: Wine, plan: Scenario) -> Trace:
    """Performs by a file in and a file out."""
    plan.recovery = 200 * ms
    (windows.c / "wsk" / "in").write_bytes(encode(plan))
    done = windows.wskctl("run", r"C:\wsk\in", r"C:\wsk\out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return Trace.decode((windows.c / "wsk" / "out").read_bytes())


def kinds(trace: Trace, step: int) -> list[EventKind]:
    return [event.kind for event in trace.events if event.step == step]


def test_the_service_manager_installs_starts_stops_and_removes_the_driver(prefix: Wine) -> None:
    commands = ["install C:/wsk/wsktest.sys", "install C:/wsk/wsktest.sys", "start", "info", "stop", "remove"]
    done = [prefix.wskctl(*command.split()) for command in commands]
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * len(commands)
    info = dict(line.split("=", 1) for line in done[3].stdout.splitlines())
    assert info["abi"] == str(abi.WSKTEST_ABI_VERSION)
    assert info["host"].startswith("wine ")
    assert info["leaked_runs"] == "0"


_AS_WINDOWS_DOES = """\
#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
*sftp*) exec /usr/lib/openssh/sftp-server -d {folder} ;;
powershell.exe*) echo test-signing=True; echo verifier-flags=131323; echo verified=True ;;
*) exec env {environment} {wine} cmd /c "$SSH_ORIGINAL_COMMAND" ;;
esac
"""


def test_a_driver_is_deployed_over_ssh_and_removed_again(
    prefix: Wine, tmp_path: Path, peer: LoopbackPeer
) -> None:
    """As into Windows: OpenSSH with cmd.exe, SFTP, the service manager. Only PowerShell is played."""
    image = seal(tmp_path, build=f"{prefix.version()}.0")
    (tmp_path / "C:").symlink_to(prefix.c)
    script = tmp_path / "as-windows-does"
    environment = " ".join(f"{name}='{value}'" for name, value in prefix.settings.items())
    script.write_text(_AS_WINDOWS_DOES.format(folder=tmp_path, environment=environment, wine=WINE))
    script.chmod(0o755)
    told: list[str] = []

    async def main(server: Server) -> Trace:
        channel = await SshChannel.connect(HOST, server.login, LIMIT, server.port)
        deployed = await deploy(channel, image, GuestOptions(verifier=True), told.append)
        plan = Scenario()
        plan.finish.close(plan.connected(WSK_SOCKET, to=peer.address))
        reply = await deployed.control.run(encode(plan), LIMIT)
        deployed.control.close()
        await remove(channel)
        channel.close()
        return Trace.decode(reply.payload)

    with sshd(tmp_path, more=f"ForceCommand {script}") as server:
        trace = asyncio.run(main(server))
    assert trace.outcome == TraceOutcome.COMPLETED
    assert told == ["installing the driver in windows-server-2022"]
    assert "Service does not exist" in prefix.wskctl("remove").stderr


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("", 2, "usage:"),
        ("frobnicate", 2, "usage:"),
        ("install", 2, "usage:"),
        ("run one", 2, "usage:"),
        ("serve one two", 2, "usage:"),
        ("install C:/no/such.sys", 1, "C:/no/such.sys: error"),
        (r"serve \\.\COM9", 1, "COM9: error"),
    ],
)
def test_wrong_words_are_refused_with_what_is_wrong(
    prefix: Wine, command: str, status: int, said: str
) -> None:
    done = prefix.wskctl(*command.split())
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr


def test_without_the_driver_every_command_says_what_is_missing(prefix: Wine) -> None:
    for command in ("start", "stop", "remove"):
        done = prefix.wskctl(command)
        assert (done.returncode, "cannot be opened" in done.stderr) == (1, True)
    assert "is it started?" in prefix.wskctl("info").stderr


def test_a_file_that_is_no_driver_does_not_start(prefix: Wine) -> None:
    (prefix.c / "wsk" / "text.sys").write_text("no driver")
    assert prefix.wskctl("install", "C:/wsk/text.sys").returncode == 0
    done = prefix.wskctl("start")
    assert (done.returncode, "cannot be started: error" in done.stderr) == (1, True)
    assert prefix.wskctl("remove").returncode == 0


def test_a_connection_carries_data_and_is_closed(windows: Wine, peer: LoopbackPeer) -> None:
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer.address)
    send = plan.send(sock, 1000)
    plan.wait(send)
    close = plan.close(sock)
    plan.wait(close)

    trace = perform(windows, plan)

    assert (trace.outcome, trace.pending, trace.lost_events) == (TraceOutcome.COMPLETED, 0, 0)
    ends = {event.step: event for event in trace.events if event.kind == EventKind.COMPLETION}
    assert (ends[send.number].io_status, ends[send.number].information) == (STATUS_SUCCESS, 1000)
    assert ends[close.number].io_status == STATUS_SUCCESS
    assert all(end.completions == 1 for end in ends.values())
    assert peer.wait_for_end() == send.data


def test_a_disconnect_whose_irp_is_lost_is_reported_hung_and_the_driver_lives_on(
    windows: Wine, peer: LoopbackPeer
) -> None:
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer.address)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect, limit=200 * ms)

    trace = perform(windows, plan)

    assert (trace.outcome, trace.status) == (TraceOutcome.HUNG, STATUS_TIMEOUT)
    assert kinds(trace, disconnect.number) == [
        EventKind.CALL,
        EventKind.RETURN,
        EventKind.CANCEL,
        EventKind.HUNG,
    ]
    (returned,) = [
        event.status
        for event in trace.events
        if event.step == disconnect.number and event.kind == EventKind.RETURN
    ]
    assert returned == STATUS_NOT_IMPLEMENTED
    assert trace.stop_step == disconnect.number + 1
    assert kinds(trace, trace.stop_step) == [EventKind.LIMIT]
    peer.wait_for_end()  # recovery has closed the socket
    assert "leaked_runs=" in windows.wskctl("info").stdout
    test_a_connection_carries_data_and_is_closed(windows, peer)


def test_a_dpc_that_never_runs_ends_the_run_and_not_the_driver(windows: Wine, peer: LoopbackPeer) -> None:
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer.address)
    close = plan.close(sock, context=Context.DPC)

    trace = perform(windows, plan)

    assert (trace.outcome, trace.status) == (TraceOutcome.HUNG, STATUS_IO_TIMEOUT)
    assert kinds(trace, close.number) == [EventKind.STOPPED, EventKind.HUNG]
    peer.wait_for_end()


def test_what_is_no_scenario_is_rejected_and_files_that_cannot_be_used_are_named(windows: Wine) -> None:
    (windows.c / "wsk" / "in").write_bytes(b"no scenario" * 100)
    done = windows.wskctl("run", "C:/wsk/in", "C:/wsk/out")
    assert done.returncode == 0
    trace = Trace.decode((windows.c / "wsk" / "out").read_bytes())
    assert (trace.outcome, trace.reject == Reject.NONE) == (TraceOutcome.REJECTED, False)
    for files in ("C:/no/in C:/wsk/out", "C:/wsk/in C:/no/out"):
        done = windows.wskctl("run", *files.split())
        assert (done.returncode, "C:/no/" in done.stderr) == (1, True)


class Ends:
    """A byte stream of two file descriptors."""

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink

    def read(self, size: int) -> bytes:
        try:
            return os.read(self._source, size)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._sink, data) :]

    def close(self) -> None:
        """The server ends with its process."""


@contextmanager
def served_by_pipes(windows: Wine) -> Iterator[ByteStream]:
    with windows.start(
        r"C:\wsk\wskctl.exe", "serve", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin
        assert server.stdout
        yield Ends(server.stdout.fileno(), server.stdin.fileno())
        server.stdin.close()
        assert server.wait(LIMIT) == 0


@contextmanager
def served_by_com2(windows: Wine) -> Iterator[ByteStream]:
    """Wine's serial ports are terminals here."""
    ours, theirs = pty.openpty()
    (windows.prefix / "dosdevices" / "com2").unlink(missing_ok=True)
    (windows.prefix / "dosdevices" / "com2").symlink_to(os.ttyname(theirs))
    with windows.start(r"C:\wsk\wskctl.exe", "serve", r"\\.\COM2", stdin=subprocess.DEVNULL) as server:
        yield Ends(ours, ours)
        server.kill()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("served", [served_by_pipes, served_by_com2])
def test_scenarios_are_served_over_pipes_and_over_a_serial_port(
    windows: Wine, peer: LoopbackPeer, served: Callable[[Wine], AbstractContextManager[ByteStream]]
) -> None:
    plans = []
    for _ in range(4):
        plan = Scenario()
        plan.finish.close(plan.connected(WSK_SOCKET, to=peer.address))
        plans.append(plan)

    async def main(stream: ByteStream) -> list[bytes]:
        control = await ControlClient.open(stream, LIMIT)
        info, clock = await control.info(), await control.clock()
        assert info["host"].startswith("wine ")
        assert clock.qpc_frequency == 10_000_000
        runs = (control.run(encode(plan), LIMIT) for plan in plans)
        replies = await asyncio.gather(*runs)
        control.close()
        return [reply.payload for reply in replies]

    with served(windows) as stream:
        traces = [Trace.decode(payload) for payload in asyncio.run(main(stream))]
    assert [(trace.outcome, trace.id) for trace in traces] == [
        (TraceOutcome.COMPLETED, plan.id) for plan in plans
    ]
