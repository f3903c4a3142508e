# SPDX-License-Identifier: Apache-2.0
"""The guest agent's channel: with a real qemu-ga here, with one in a guest, and with wrong answers."""

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from labs import finish, start_lab

from harness.core.abi import abi
from harness.core.errors import ChannelLost, GuestHung, HarnessError
from harness.guest.agent import AgentChannel, Ask

LIMIT = 30.0
NO_PORT = Path("/nowhere")


class AgentLine:
    """A stand-in for libvirt at the agent of a real guest: a line there, a line back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, command: str, limit: int) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(limit)
            try:
                line.connect(str(self._path))
                line.sendall(command.encode() + b"\n")
                return line.makefile().readline()
            except TimeoutError:
                raise GuestHung("silence") from None
            except OSError as error:
                raise ChannelLost(str(error)) from error


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentLine]:
    folder = tmp_path_factory.mktemp("agent")
    command = ["qemu-ga", "-m", "unix-listen", "-p", str(folder / "socket"), "-t", str(folder)]
    with subprocess.Popen([*command, "-f", str(folder / "pid")], stderr=subprocess.DEVNULL) as process:
        give_up = time.monotonic() + LIMIT
        while not (folder / "socket").exists() and time.monotonic() < give_up:
            time.sleep(0.02)
        yield AgentLine(folder / "socket")
        process.terminate()


def talk(ask: Ask, body: Callable[[AgentChannel], Awaitable[object]]) -> None:
    async def main() -> None:
        channel = await AgentChannel.connect(ask, NO_PORT, "port", LIMIT)
        await body(channel)
        channel.close()

    asyncio.run(main())


def test_commands_end_with_their_status_and_all_they_wrote(agent: AgentLine) -> None:
    async def body(channel: AgentChannel) -> None:
        result = await channel.exec("ls /nowhere")
        assert (result.status, result.stdout, b"/nowhere" in result.stderr) == (2, b"", True)
        result = await channel.exec("seq 300000")
        assert result.stdout == "".join(f"{number}\n" for number in range(1, 300_001)).encode()

    talk(agent, body)


def test_files_go_there_and_back(agent: AgentLine, tmp_path: Path) -> None:
    data = os.urandom(1_000_001)

    async def body(channel: AgentChannel) -> None:
        await channel.upload(f"{tmp_path}/file", data)
        assert (tmp_path / "file").read_bytes() == data
        assert await channel.download(f"{tmp_path}/file", most=len(data)) == data
        with pytest.raises(HarnessError, match="more than the 1000000 bytes"):
            await channel.download(f"{tmp_path}/file", most=len(data) - 1)
        await channel.upload(f"{tmp_path}/file", b"")
        assert await channel.download(f"{tmp_path}/file", most=0) == b""

    talk(agent, body)


def test_what_the_agent_refuses_is_told_in_its_words(agent: AgentLine) -> None:
    async def body(channel: AgentChannel) -> None:
        with pytest.raises(HarnessError, match=r"guest-file-open.*No such file"):
            await channel.download("/no/such/file", most=1)
        with pytest.raises(HarnessError, match="guest-exec"):
            await channel.exec("/no/such/program")

    talk(agent, body)


def test_a_command_that_does_not_end_is_hung(agent: AgentLine) -> None:
    async def body(channel: AgentChannel) -> None:
        with pytest.raises(GuestHung, match=r"`sleep 5` did not end within 0\.2 s"):
            await channel.exec("sleep 5", limit=0.2)

    talk(agent, body)


def test_an_agent_that_never_answers_is_hung() -> None:
    def silent(_command: str, _limit: int) -> str:
        raise GuestHung("silence")

    with pytest.raises(GuestHung, match=r"said nothing within 0\.1 s"):
        asyncio.run(AgentChannel.connect(silent, NO_PORT, "port", 0.1))


def answering(**answers: Any) -> Ask:
    """An agent with one answer for each command."""

    def ask(command: str, _limit: int) -> str:
        name = json.loads(command)["execute"].replace("-", "_")
        answer = answers.get(name, {"return": {}})
        return answer if isinstance(answer, str) else json.dumps(answer)

    return ask


PID = {"return": {"pid": 1}}


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param({"guest_exec": "{"}, ChannelLost, id="no JSON"),
        pytest.param({"guest_exec": "[]"}, HarnessError, id="no table"),
        pytest.param({"guest_exec": {"return": {}}}, ChannelLost, id="no process"),
        pytest.param({"guest_exec": {"return": {"pid": "1"}}}, ChannelLost, id="a process that is no number"),
        pytest.param({"guest_exec": {"error": 1}}, HarnessError, id="an error without words"),
        pytest.param(
            {"guest_exec": {"error": {"desc": "\x1b[2J"}}}, HarnessError, id="an error that clears the screen"
        ),
        pytest.param({"guest_exec": PID, "guest_exec_status": {"return": 1}}, ChannelLost, id="no status"),
        pytest.param(
            {
                "guest_exec": PID,
                "guest_exec_status": {"return": {"exited": True, "exitcode": 0, "out-data": "%"}},
            },
            ChannelLost,
            id="no base64",
        ),
        pytest.param(
            {
                "guest_exec": PID,
                "guest_exec_status": {"return": {"exited": True, "exitcode": 0, "out-truncated": True}},
            },
            HarnessError,
            id="output cut off",
        ),
    ],
)
def test_answers_that_are_wrong_are_a_line(answers: dict[str, Any], error: type[HarnessError]) -> None:
    async def body(channel: AgentChannel) -> None:
        with pytest.raises(HarnessError) as raised:
            await channel.exec("true")
        assert type(raised.value) is error
        assert str(raised.value).isprintable()

    talk(answering(**answers), body)


def test_a_file_that_did_not_arrive_whole_is_refused() -> None:
    ask = answering(guest_file_open={"return": 7}, guest_file_write={"return": {"count": 3, "eof": False}})

    async def body(channel: AgentChannel) -> None:
        with pytest.raises(HarnessError, match="did not arrive whole"):
            await channel.upload("C:/x", b"four")

    talk(ask, body)


@pytest.mark.vm
def test_in_a_guest_libvirt_carries_the_agent_and_a_virtio_port_carries_scenarios(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            import re, subprocess
            from functools import partial
            from xml.etree.ElementTree import SubElement
            from harness.guest.agent import AgentChannel
            from harness.guest.control import ControlClient
            from harness.lab import agent, domain

            AGENT, CONTROL = "org.qemu.guest_agent.0", "org.wsk-conformance.control-of-the-test.0"
            SOCKET = libvirt_embed.root() / "control"
            build = domain.build

            def with_ports(*arguments):
                tree = build(*arguments)
                for number, name in enumerate((AGENT, CONTROL), start=2):  # the machine has a first port
                    channel = SubElement(tree.find("devices"), "channel", type="unix")
                    if name == CONTROL:
                        SubElement(channel, "source", mode="bind", path=str(SOCKET))
                    SubElement(channel, "target", type="virtio", name=name)
                    place = {"controller": "1", "bus": "0", "port": str(number)}
                    SubElement(channel, "address", type="virtio-serial", **place)
                return tree

            domain.build = with_ports

            async def said(ssh, command):
                result = await ssh.exec(command)
                assert result.status == 0, result
                return result.stdout.decode().strip()

            async def start_agent(ssh):
                # The guest has no C library: the host's comes along.
                program = "/usr/sbin/qemu-ga"
                told = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
                await said(ssh, "mkdir -p /ga")
                for path in {program, *re.findall(r"/[^ ]+", told)}:
                    await ssh.put("/ga/" + Path(path).name, Path(path).read_bytes())
                await said(ssh, "chmod 755 /ga/*")
                ports = {}
                for name in AGENT, CONTROL:
                    found = await said(ssh, f"grep -l {name} /sys/class/virtio-ports/*/name")
                    ports[name] = "/dev/" + found.split("/")[4]
                loader = "/ga/ld-linux-x86-64.so.2 --library-path /ga"
                await ssh.stream(f"exec {loader} /ga/qemu-ga -t /ga -f /ga/pid -p {ports[AGENT]}")
                return ports[CONTROL]

            async def main():
                with Hypervisor() as hypervisor:
                    guest = await started(hypervisor)
                    ssh = guest.connection
                    port = await start_agent(ssh)
                    ask = partial(agent.ask, guest.machine)
                    channel = await AgentChannel.connect(ask, SOCKET, port, 60)
                    print((await channel.exec("wskctl info")).stdout.split()[0].decode())
                    await channel.upload("/tmp/x", bytes(range(256)) * 512)
                    print("bytes", await said(ssh, "wc -c < /tmp/x"))
                    control = await ControlClient.open(await channel.stream("wskctl serve"), 30)
                    info, clock = await control.info(), await control.clock()
                    print("port", info["host"][:5], clock.qpc_frequency > 0)
                    control.close()
                    try:
                        await channel.exec("nonsense")
                    except HarnessError as error:
                        print("refused", type(error).__name__, "nonsense" in str(error))
                    os.kill(guest.machine.pid, signal.SIGKILL)
                    await asyncio.wait_for(guest.machine.failure, 30)
                    try:
                        await channel.exec("true")
                    except (ChannelLost, GuestHung) as error:
                        print("gone")
            asyncio.run(main())
            """,
            tmp_path,
        ),
        limit=300,
    )
    assert said[-5:] == [
        f"abi={abi.WSKTEST_ABI_VERSION}",
        "bytes 131072",
        "port linux True",
        "refused HarnessError True",
        "gone",
    ]
