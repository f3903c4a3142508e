# SPDX-License-Identifier: Apache-2.0
"""Installing the driver in a Windows that is not one: what it insists on, and what it says."""

import asyncio
import base64
import socket
import threading
from pathlib import Path

import pytest
from control_frames import HELLO, frame, receive
from windowslike import seal

from harness.core.errors import GuestHung, HarnessError
from harness.guest import driver_install, windows
from harness.guest.channel import ExecResult
from harness.guest.driver_install import (
    InstalledDriver,
    adapters_ready,
    deploy,
    remove,
    switch_on_vbs,
)
from harness.guest.options import GuestOptions
from harness.guest.serial import Port, PortStream
from harness.lab import neighbours
from harness.lab.namespace import Network
from harness.lab.windows_domain import WindowsMachine

PORT_NAME = r"\\.\Global\org.wsk-conformance.control.0"
FACTS = "test-signing={}\r\nverifier-flags={}\r\nstealth=off\r\nverified={}\r\n"


class Pretend:
    """A channel into a Windows that does as it is told: `answers` by a command's last word or its program."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.done: list[str] = []
        self.commands: list[socket.socket] = []
        self.os = "10.0.20348"

    async def exec(self, command: str, *, limit: float = 0) -> ExecResult:
        program, *words = command.split()
        step = words[0]
        if program == "powershell.exe":
            script = base64.b64decode(words[-1]).decode("utf-16-le")
            marks = {"nics.txt": "adapters", "hypervisorlaunchtype": "vbs", "test-signing": "facts"}
            (step,) = [step for mark, step in marks.items() if mark in script]
        self.done.append(step)
        usual = {"adapters": "set\r\n", "facts": FACTS.format("True", 131323, "True")}
        said = self.answers.get(step, usual.get(step, ""))
        if said == "never":
            raise GuestHung(f"`{command}` did not end within {limit:g} s")
        if said.startswith("error"):
            return ExecResult(1, b"", said.encode())
        return ExecResult(0, said.encode(), b"")

    async def upload(self, path: str, data: bytes, *, limit: float = 0) -> None:
        self.done.append(path.rpartition("/")[2])

    async def download(self, path: str, *, most: int, limit: float = 0) -> bytes:
        raise HarnessError(f"nobody asks for {path}")

    async def stream(self, command: str) -> PortStream:
        last = command.split()[-1]
        self.done.append(last)
        ours, theirs = socket.socketpair()
        if last == PORT_NAME:
            self.commands.append(theirs)
            self.serve_port(theirs)
        else:
            threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return PortStream(ours)

    def serve_port(self, command: socket.socket) -> None:
        """Ends, as `wskctl serve PORT` does in a guest without such a port."""
        command.close()

    def _serve(self, end: socket.socket) -> None:
        with end:
            end.sendall(HELLO)
            kind, number, _ = receive(end)
            end.sendall(frame(kind, number, f"os={self.os}\nhost=windows\n".encode()))
            end.recv(1)

    def close(self) -> None:
        self.done.append("close")


def deployed(
    pretend: Pretend, folder: Path, *, verifier: bool = False, port: Port | None = None
) -> dict[str, str]:
    async def main() -> dict[str, str]:
        found = await deploy(pretend, seal(folder), GuestOptions(verifier), print, port)
        found.control.close()
        return found.info

    return asyncio.run(main())


def test_a_driver_is_installed_started_looked_at_and_served(tmp_path: Path) -> None:
    pretend = Pretend()
    info = deployed(pretend, tmp_path, verifier=True)
    assert pretend.done == ["wsktest.sys", "wskctl.exe", "install", "start", "facts", "serve"]
    assert (info["host"], info["verified"], info["verifier-flags"]) == ("windows", "True", "131323")
    assert (info["stealth"], info["control"]) == ("off", "login")
    asyncio.run(remove(pretend))
    assert pretend.done[-2:] == ["stop", "remove"]


class WithPort(Pretend):
    """A Windows with the driver of virtio ports: `wskctl serve PORT` runs, and answers at `place`."""

    def __init__(self, place: Path, *, mute: bool = False) -> None:
        super().__init__()
        self._mute = mute
        self._qemu = socket.socket(socket.AF_UNIX)
        self._qemu.bind(str(place))
        self._qemu.listen(1)
        self.port = Port(place, PORT_NAME)

    def serve_port(self, command: socket.socket) -> None:
        end, _ = self._qemu.accept()
        if not self._mute:
            threading.Thread(target=self._serve, args=(end,), daemon=True).start()


def test_memory_integrity_is_switched_on_without_asking_for_secure_boot() -> None:
    pretend = Pretend()
    asyncio.run(switch_on_vbs(pretend))
    assert pretend.done == ["vbs"]
    with pytest.raises(HarnessError, match="cannot switch on memory integrity: error 5"):
        asyncio.run(switch_on_vbs(Pretend(vbs="error 5")))


@pytest.mark.parametrize(("told", "good"), [("on", True), ("off", False)])
def test_memory_integrity_is_asked_for_after_the_restart(told: str, good: bool, tmp_path: Path) -> None:
    pretend = Pretend(facts=FACTS.format("True", 131323, "True") + f"vbs={told}\r\n")

    async def main() -> str:
        found = await deploy(pretend, seal(tmp_path), GuestOptions(vbs=True), print)
        found.control.close()
        return found.info["vbs"]

    if good:
        assert asyncio.run(main()) == "on"
    else:
        with pytest.raises(HarnessError, match="memory integrity did not come on"):
            asyncio.run(main())


class Restarting:
    """A machine whose restart comes as soon as it is expected, or never."""

    def __init__(self, *, comes: bool) -> None:
        self._comes = comes

    def expect_restart(self) -> "asyncio.Future[None]":
        restarted = asyncio.get_running_loop().create_future()
        if self._comes:
            restarted.set_result(None)
        return restarted


def steps_of_a_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, vbs: bool, restarts: bool
) -> tuple[list[str], str]:
    """Until the driver would be installed; and how it ended."""
    steps: list[str] = []

    async def connect(*_: object) -> Pretend:
        steps.append("login")
        pretend = Pretend()
        pretend.done = steps
        return pretend

    async def answers(*_: object) -> None:
        steps.append("answers")

    async def deploy(*_: object) -> None:
        raise HarnessError("as far as this goes")

    monkeypatch.setattr(windows, "connect", connect)
    monkeypatch.setattr(windows, "_RESTART_LIMIT_S", 0.1)
    monkeypatch.setattr(neighbours, "wait_for", answers)
    monkeypatch.setattr(driver_install, "deploy", deploy)
    image, options = windows.Image(folder, seal(folder), {}), GuestOptions(vbs=vbs)
    start = windows._WindowsStart(image, options, 2, Network(), folder / "serial-1.log", print, True, 1)
    wanted = WindowsMachine("x", folder / "disk", folder / "vars", 4096, 2, kvm=True)

    async def come_up() -> str:
        with pytest.raises((HarnessError, GuestHung)) as ended:
            await start._come_up(Restarting(comes=restarts), wanted)  # type: ignore[arg-type]
        return str(ended.value)

    return steps, asyncio.run(come_up())


def test_memory_integrity_takes_a_restart_and_another_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_usual = ["login", "adapters", "answers", "answers", "close"]
    steps, _ = steps_of_a_start(tmp_path, monkeypatch, vbs=False, restarts=False)
    assert steps == as_usual
    steps, _ = steps_of_a_start(tmp_path, monkeypatch, vbs=True, restarts=True)
    assert steps == ["login", "vbs", "close", *as_usual]


def test_a_restart_for_memory_integrity_that_does_not_come_is_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, ended = steps_of_a_start(tmp_path, monkeypatch, vbs=True, restarts=False)
    assert steps == ["login", "vbs", "close"]
    assert "the guest did not restart" in ended


def test_scenarios_go_over_a_virtio_port_where_the_guest_has_one(tmp_path: Path) -> None:
    """Readings of the clock are as good as the way that they go, and WinRM's takes tens of milliseconds."""
    pretend = WithPort(tmp_path / "port")
    info = deployed(pretend, tmp_path, port=pretend.port)
    assert pretend.done[-1] == PORT_NAME
    assert "serve" not in pretend.done
    assert (info["control"], info["host"]) == ("virtio port", "windows")


def test_a_guest_without_the_ports_driver_is_served_over_its_login(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    qemu = socket.socket(socket.AF_UNIX)
    with qemu:
        qemu.bind(str(tmp_path / "port"))
        qemu.listen(1)
        pretend = Pretend()
        info = deployed(pretend, tmp_path, port=Port(tmp_path / "port", PORT_NAME))
    assert pretend.done[-2:] == [PORT_NAME, "serve"]
    assert info["control"] == "login"
    assert "the guest has no virtio port" in capsys.readouterr().out


def test_a_port_that_says_nothing_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_install, "_PORT_LIMIT_S", 0.5)
    pretend = WithPort(tmp_path / "port", mute=True)
    assert deployed(pretend, tmp_path, port=pretend.port)["control"] == "login"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"install": "error 5: Access is denied."}, "error 5: Access is denied"),
        ({"start": "error 577"}, "start` failed in the guest: error 577"),
        ({"facts": "error: no such drive"}, "cannot tell how Windows is set: error: no such drive"),
        ({"facts": "\0\xff nonsense"}, "test signing is off"),
        ({"facts": FACTS.format("False", 131323, "True")}, "test signing is off"),
        ({"facts": FACTS.format("True", 131323, "False")}, "does not watch"),
        ({"facts": FACTS.format("True", 131322, "True")}, r"without special pool \(flags 0x200fa\)"),
        ({"facts": FACTS.format("True", "-1", "True")}, "without special pool"),
    ],
)
def test_what_is_not_as_it_should_be_is_told(tmp_path: Path, answers: dict[str, str], said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        deployed(Pretend(**answers), tmp_path, verifier=True)


def test_driver_verifier_is_asserted_only_when_it_is_asked_for(tmp_path: Path) -> None:
    assert deployed(Pretend(facts=FACTS.format("True", 0, "False")), tmp_path)["verified"] == "False"


@pytest.mark.parametrize(
    ("evaluation", "activated", "minutes", "said", "ends_itself"),
    [
        (
            "yes",
            "no",
            "12960",
            "not activated: in 9 days it begins to shut itself down about every hour",
            False,
        ),
        ("yes", "no", "0", "its days are over: it shuts itself down about every hour", True),
        ("yes", "yes", "7200", "the evaluation of this Windows ends in 5 days", False),
        ("yes", "yes", "250000", "", False),
        ("no", "yes", "0", "", False),  # a licence without end
        ("no", "no", "0", "", False),  # one that was never activated: Windows says so on its screen, no more
        ("no", "unknown", "unknown", "", False),
    ],
)
def test_how_long_windows_will_last_is_asked_at_the_start_and_told(
    evaluation: str, activated: str, minutes: str, said: str, ends_itself: bool, tmp_path: Path
) -> None:
    facts = {"evaluation": evaluation, "activated": activated, "licence-minutes": minutes}
    lines = "".join(f"{key}={value}\r\n" for key, value in facts.items())
    told: list[str] = []

    async def main() -> InstalledDriver:
        pretend = Pretend(facts=FACTS.format("True", 0, "True") + lines)
        found = await deploy(pretend, seal(tmp_path), GuestOptions(), told.append)
        found.control.close()
        return found

    found = asyncio.run(main())
    assert facts.items() <= found.info.items()
    assert found.ends_itself == ends_itself
    words = [line for line in told if "activated" in line or "evaluation" in line]
    assert words == [line for line in told if said and said in line]
    assert len(words) == bool(said)


def test_another_windows_than_the_manifest_names_is_refused(tmp_path: Path) -> None:
    pretend = Pretend()
    pretend.os = "10.0.2034"
    with pytest.raises(HarnessError, match=r"is Windows 10\.0\.2034, its manifest says 10\.0\.20348\.587"):
        deployed(pretend, tmp_path)


def test_adapters_that_are_set_are_waited_for() -> None:
    pretend = Pretend()
    asyncio.run(adapters_ready(pretend))
    assert pretend.done == ["adapters"]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ("no adapter has the address 52:54", HarnessError, "adapters: no adapter has the address 52:54"),
        ("error: nothing was set within 300 s", HarnessError, "nothing was set within 300 s"),
        ("", HarnessError, "could not set"),
        ("never", GuestHung, "did not wait for its adapters within 360 s"),
    ],
)
def test_adapters_that_are_not_set_are_told(answer: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        asyncio.run(adapters_ready(Pretend(adapters=answer)))
