# SPDX-License-Identifier: Apache-2.0
"""The end of a guest is found out once, and a hang stays a hang whatever is done to the guest then."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from windows_dumps import HEADER_BYTES, header

from harness.core.errors import (
    ChannelLost,
    GuestCrashed,
    GuestHung,
    GuestSilent,
    GuestUnreachable,
    HarnessError,
    WskConformanceError,
)
from harness.crash import own_dump, triage
from harness.crash.triage import CrashEvidence, CrashTriage
from harness.guest.base import OwnDump, RunningGuest
from harness.lab import examine
from harness.lab.examine import Dump, Processor
from harness.lab.machine import MachineEvent

STOP = "*** STOP: 0x000000D1 (0x0000000000000008,0x0000000000000002,0x0000000000000001,0x0000000000000003)"
SILENT = GuestSilent("no sign of life")
MIB = 1 << 20
OWN = OwnDump(Path("disk.qcow2"), 3, "/Windows/MEMORY.DMP")


class ScriptedMachine:
    """A machine that does what a test says."""

    def __init__(self, folder: Path) -> None:
        self.serial_log = folder / "serial-7.log"
        self.words = ""
        self.events: list[MachineEvent] = []
        self.failure: asyncio.Future[MachineEvent] = asyncio.get_running_loop().create_future()
        self.nmis = self.dumps = 0
        self.panic: tuple[int, ...] = ()
        self.written: Iterator[int] = itertools.repeat(0)  # bytes on its disk, each time somebody asks
        self.is_ended = False

    def end(self) -> None:
        self.is_ended = True

    @property
    def starved(self) -> bool:
        return any(event.detail == "ioerror" for event in self.events)

    @property
    def crashed(self) -> bool:
        return any(event.kind == "crashed" for event in self.events)

    @property
    def writes_dump(self) -> bool:
        return any(event.detail == "crashloaded" for event in self.events)

    @property
    def over(self) -> bool:
        return self.starved or any(event.kind == "reboot" for event in self.events)

    def serial_tail(self, lines: int) -> str:
        return self.words

    def happens(self, kind: str, detail: str = "") -> None:
        event = MachineEvent(0, kind, detail)
        self.events.append(event)
        if not self.failure.done():
            self.failure.set_result(event)


class Control:
    def __init__(self, *, alive: bool) -> None:
        self._alive = alive

    async def clock(self, limit: float) -> None:
        if not self._alive:
            raise GuestHung("no answer")


@pytest.fixture(autouse=True)
def from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence that is taken of a machine from outside, without a machine."""

    def inject_nmi(machine: Any) -> None:
        machine.nmis += 1
        machine.failure.get_loop().call_soon_threadsafe(machine.happens, "crashed", "panicked")

    def dump_memory(machine: Any, stem: Path, **_: Any) -> Dump:
        machine.dumps += 1
        path = stem.with_suffix(".dmp")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"PAGEDU64")
        return Dump(path, "Windows")

    def screenshot(_machine: Any, stem: Path) -> Path:
        return stem.with_suffix(".png")

    monkeypatch.setattr(examine, "inject_nmi", inject_nmi)
    monkeypatch.setattr(examine, "dump_memory", dump_memory)
    monkeypatch.setattr(examine, "processors", lambda _machine: [Processor(0, 0.5, 0.4)])
    monkeypatch.setattr(triage, "screenshot", screenshot)
    monkeypatch.setattr(triage, "CRASH_NOTICE_LIMIT", 0)
    monkeypatch.setattr(examine, "written_bytes", lambda machine: next(machine.written))
    monkeypatch.setattr(own_dump, "_TOLD_EVERY_S", 0.001)
    monkeypatch.setattr(own_dump, "QUIET_S", 0.1)


Story = Callable[[CrashTriage, Any], Awaitable[None]]


def hold(
    folder: Path,
    story: Story,
    *,
    alive: bool = False,
    dump: bool | None = True,
    own: OwnDump | None = None,
    ends_itself: bool = False,
) -> list[str]:
    """Tells the story to the triage of a guest; the lines of progress."""
    said: list[str] = []

    async def main() -> None:
        machine: Any = ScriptedMachine(folder)
        control: Any = Control(alive=alive)
        connection: Any = None
        guest = RunningGuest(
            "windows-11",
            "windows",
            "build",
            "windows",
            "kvm",
            machine,
            control,
            connection,
            {},
            "on its disk",
            own_dump=own,
            ends_itself=ends_itself,
        )
        await story(CrashTriage(guest, CrashEvidence(folder, dump, said.append)), machine)

    asyncio.run(main())
    return said


def told_of(held: CrashTriage) -> dict[str, list[str]]:
    """Lines for people and names of files, by subject."""
    return {found.subject: list(found.told) for found in held.findings.for_people()}


def test_a_crash_is_named_and_told_to_all_who_were_in_the_guest(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.words = STOP
        machine.happens("crashed", "panicked")
        verdicts = await asyncio.gather(*(held.verdict(ChannelLost("lost")) for _ in range(3)))
        assert {type(verdict) for verdict in verdicts} == {GuestCrashed}
        assert str(verdicts[0]) == (f"the guest crashed: {STOP} DRIVER_IRQL_NOT_LESS_OR_EQUAL (serial-7.log)")
        assert (machine.dumps, machine.nmis) == (1, 0)
        told = told_of(held)
        assert told["machine events"] == ["00:00:00.000000 UTC: crashed (panicked)"]
        assert told["bugcheck"][1] == "parameter 1: 0x0000000000000008, address touched"
        memory = held.findings.memory
        assert memory
        assert (memory.lines[0], memory.files) == ("the guest's own: on its disk", ["dumps/memory-7.dmp"])
        assert "cut off" in memory.lines[1]

    hold(tmp_path, story)


def test_a_guest_that_hangs_is_made_to_stop_and_still_hung(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        first = await held.verdict(SILENT)
        second = await held.verdict(ChannelLost("the NMI broke the channel of the others"))
        assert type(first) is type(second) is GuestSilent
        assert (machine.nmis, machine.dumps) == (1, 1)
        assert told_of(held)["NMI"] == ["sent; the guest stopped: crashed (panicked)"]
        assert told_of(held)["screen"] == ["dumps/screen-7.png"]
        assert told_of(held)["processors"] == ["processor 0 used 400 ms of 500 ms: it runs"]

    hold(tmp_path, story)


def test_a_guest_that_still_answers_is_left_to_the_other_cases(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        hung = GuestHung("wskctl gave no answer within 30 s")
        assert await held.verdict(hung) is hung
        assert await held.verdict(hung) is hung
        assert (machine.nmis, machine.dumps) == (0, 1)
        assert "still answers" in told_of(held)["heartbeat"][0]
        machine.happens("crashed", "panicked")
        assert isinstance(await held.verdict(ChannelLost("lost")), GuestCrashed)

    hold(tmp_path, story, alive=True)


def test_a_guest_that_writes_a_dump_is_given_the_time(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.written = itertools.count(step=MIB)
        machine.happens("crashed", "crashloaded")
        verdict = asyncio.create_task(held.verdict(ChannelLost("lost")))
        await asyncio.sleep(0.3)
        assert not verdict.done()
        machine.happens("reboot")
        assert isinstance(await verdict, GuestCrashed)
        assert [line.partition(": ")[2] for line in told_of(held)["machine events"]] == [
            "crashed (crashloaded)",
            "reboot",
        ]

    assert "the guest writes its dump" in hold(tmp_path, story)[0]


def test_a_guest_that_never_ends_its_dump_is_not_waited_for_any_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.written = itertools.count(step=MIB)
        machine.happens("crashed", "crashloaded")
        assert isinstance(await held.verdict(ChannelLost("lost")), GuestCrashed)
        assert "was not complete" in told_of(held)["memory dump"][1]

    monkeypatch.setattr(own_dump, "WRITE_LIMIT_S", 0.2)
    hold(tmp_path, story)


def quiet_after(*mib: int) -> Iterator[int]:
    """The bytes that a disk tells while a dump is written, and then no more."""
    return itertools.chain((MIB * size for size in mib), itertools.repeat(MIB * mib[-1]))


def test_a_guest_that_stays_at_its_blue_screen_has_written_its_dump_when_its_disk_is_quiet(
    tmp_path: Path,
) -> None:
    """AutoReboot is off: no event tells of the end, and five minutes would be lost at every crash."""

    async def story(held: CrashTriage, machine: Any) -> None:
        machine.written = quiet_after(10, 20, 30, 58)
        machine.happens("crashed", "crashloaded")
        assert isinstance(await held.verdict(ChannelLost("lost")), GuestCrashed)
        assert told_of(held)["memory dump"][1] == (
            "the guest's own was written: at least 48 MiB went to its disk, and nothing more within 0.1 s"
        )

    assert any("the guest writes its dump: 20 MiB" in line for line in hold(tmp_path, story))


def test_a_guest_that_writes_no_dump_is_not_said_to_have_one(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.happens("crashed", "panicked")
        await held.verdict(ChannelLost("lost"))
        assert "or not at all" in told_of(held)["memory dump"][1]

    hold(tmp_path, story, own=OWN)


def fetching(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Puts such a dump on the disk of the guest, from now on."""

    def fetch(own: OwnDump, target: Path) -> None:
        assert own is OWN
        target.write_bytes(data)

    monkeypatch.setattr(own_dump, "fetch", fetch)


def test_the_guests_own_dump_takes_the_place_of_the_one_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.written = quiet_after(0, 50)
        machine.happens("crashed", "crashloaded")
        verdict = await held.verdict(ChannelLost("lost"))
        assert "*** STOP: 0x000000D1" in str(verdict)
        assert machine.is_ended
        told = told_of(held)["memory dump"]
        assert "dumps/memory-7-own.dmp" in told
        assert not any("from outside" in line for line in told)
        assert [path.name for path in (tmp_path / "dumps").iterdir()] == ["memory-7-own.dmp"]

    fetching(monkeypatch, bytes(header()))
    hold(tmp_path, story, own=OWN)


@pytest.mark.parametrize("data", [b"PAGEDU64", b"PAGEPAGE" + bytes(HEADER_BYTES), bytes(header(code=0x161))])
def test_a_dump_of_its_own_that_is_none_costs_nothing(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.happens("crashed", "crashloaded")
        assert isinstance(await held.verdict(ChannelLost("lost")), GuestCrashed)
        assert any("was not taken" in line for line in told_of(held)["memory dump"])
        assert [path.name for path in (tmp_path / "dumps").iterdir()] == ["memory-7.dmp"]

    fetching(monkeypatch, data)
    hold(tmp_path, story, own=OWN)


def test_a_disk_that_cannot_be_read_leaves_the_dump_from_outside(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.happens("crashed", "crashloaded")
        await held.verdict(ChannelLost("lost"))
        told = told_of(held)["memory dump"]
        assert any("was not taken: qemu-nbd does not offer the guest's disk" in line for line in told)
        assert "dumps/memory-7.dmp" in told

    hold(tmp_path, story, own=OwnDump(tmp_path / "none.qcow2", 3, "/Windows/MEMORY.DMP"))


def test_a_windows_without_a_driver_for_it_tells_its_bugcheck_all_the_same(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.panic = (0xD1, 8, 2, 1, 3)
        machine.written = quiet_after(0, 50)
        machine.happens("crashed", "panicked")
        verdict = await held.verdict(ChannelLost("lost"))
        assert str(verdict) == f"the guest crashed: {STOP} DRIVER_IRQL_NOT_LESS_OR_EQUAL (serial-7.log)"
        # It was told before the dump was written, and that went on.
        assert "was written: at least 50 MiB" in told_of(held)["memory dump"][1]

    hold(tmp_path, story, own=OWN)


@pytest.mark.parametrize("code", triage.WATCHDOGS)
def test_a_hang_is_one_whoever_notices_it_first(code: int, tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.panic = (code, 0, 0, 0, 0)
        machine.happens("crashed", "panicked")
        verdict = await held.verdict(ChannelLost("lost"))
        assert type(verdict) is GuestSilent
        assert f"0x{code:08X}" in str(verdict)
        assert "watchdog" in told_of(held)["heartbeat"][0]
        assert machine.nmis == 0

    hold(tmp_path, story)


UNREACHABLE = GuestUnreachable("192.0.2.2 did not answer ARP")


def test_a_guest_whose_network_is_dead_hangs_when_its_watchdog_says_so(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        async def watchdog() -> None:
            await asyncio.sleep(0.05)
            machine.panic = (0x133, 1, 0, 0, 0)
            machine.happens("crashed", "panicked")

        bites = asyncio.ensure_future(watchdog())
        verdict = await held.verdict(UNREACHABLE)
        await bites
        assert type(verdict) is GuestSilent
        assert "0x00000133" in str(verdict)

    hold(tmp_path, story)


@pytest.mark.parametrize("alive", [False, True])
def test_a_guest_whose_network_is_dead_hangs_only_if_it_answers_nowhere(
    alive: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that answers by its own channel may have lost its network by our fault."""

    async def story(held: CrashTriage, machine: Any) -> None:
        verdict = await held.verdict(UNREACHABLE)
        assert type(verdict) is (GuestUnreachable if alive else GuestSilent)

    monkeypatch.setattr(triage, "WATCHDOG_LIMIT", 0)
    hold(tmp_path, story, alive=alive)


def test_a_kernel_that_stops_without_a_bugcheck_is_told_by_its_bug_line(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.words = "BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
        machine.happens("crashed", "panicked")
        assert "BUG: kernel NULL pointer dereference" in str(await held.verdict(ChannelLost("lost")))

    hold(tmp_path, story)


@pytest.mark.parametrize("error", [SILENT, GuestHung("no answer"), ChannelLost("lost")])
def test_a_guest_whose_disk_the_host_cannot_write_is_never_blamed(
    error: WskConformanceError, tmp_path: Path
) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.happens("suspended", "ioerror")
        verdict = await held.verdict(error)
        assert type(verdict) is HarnessError
        assert "the host could not read or write the guest's disk" in str(verdict)
        assert "MiB are free in" in str(verdict)
        assert (machine.nmis, machine.dumps) == (0, 0)

    hold(tmp_path, story)


def test_a_dump_that_the_host_cannot_write_is_said_to_be_cut_off(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.happens("crashed", "crashloaded")
        machine.happens("suspended", "ioerror")
        assert isinstance(await held.verdict(ChannelLost("lost")), GuestCrashed)
        assert "was cut off" in told_of(held)["memory dump"][1]

    hold(tmp_path, story)


def test_a_machine_that_ends_by_itself_is_not_the_guests_doing(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.happens("exited", "QEMU ended")
        verdict = await held.verdict(ChannelLost("lost"))
        assert type(verdict) is HarnessError
        assert "ended by itself: exited (QEMU ended)" in str(verdict)
        assert machine.dumps == 0

    hold(tmp_path, story)


def test_an_evaluation_that_shuts_itself_down_does_not_hang(tmp_path: Path) -> None:
    """It answers nothing while it does, and its disk and network go before its power."""

    async def story(held: CrashTriage, machine: Any) -> None:
        asyncio.get_running_loop().call_later(0.2, machine.happens, "shutdown", "finished")
        verdict = await held.verdict(SILENT)
        assert type(verdict) is HarnessError
        assert "ended by itself: shutdown (finished)" in str(verdict)
        assert machine.nmis == 0

    hold(tmp_path, story, ends_itself=True)


def test_a_guest_that_restarts_is_not_blamed_without_a_word_of_a_crash(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.events.append(MachineEvent(0, "reboot", ""))
        verdict = await held.verdict(ChannelLost("lost"))
        assert type(verdict) is HarnessError
        assert "restarted by itself" in str(verdict)

    hold(tmp_path, story)


@pytest.mark.parametrize("error", [HarnessError("the driver refused it"), ChannelLost("lost")])
def test_what_has_nothing_to_do_with_the_guest_stays_what_it_is(
    error: WskConformanceError, tmp_path: Path
) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        assert await held.verdict(error) is error
        assert not held.findings

    hold(tmp_path, story, alive=True)


def test_memory_is_dumped_only_when_somebody_wants_it(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        machine.happens("crashed", "panicked")
        await held.verdict(ChannelLost("lost"))
        assert machine.dumps == 0
        assert "none was asked for" in told_of(held)["memory dump"][1]

    hold(tmp_path, story, dump=None)
    hold(tmp_path, story, dump=False)


def test_a_lab_makes_a_few_dumps_and_no_more(tmp_path: Path) -> None:
    async def story(held: CrashTriage, machine: Any) -> None:
        held.evidence.dumps = triage.MOST_DUMPS
        machine.happens("crashed", "panicked")
        await held.verdict(ChannelLost("lost"))
        assert machine.dumps == 0
        assert "there are 3 of this lab already" in told_of(held)["memory dump"][1]

    hold(tmp_path, story)


def test_evidence_that_cannot_be_had_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise HarnessError("the hypervisor is gone")

    async def story(held: CrashTriage, machine: Any) -> None:
        assert type(await held.verdict(SILENT)) is GuestSilent
        assert told_of(held)["screen"] == told_of(held)["NMI"] == ["the hypervisor is gone"]
        assert told_of(held)["memory dump"][1] == "from outside: none, the hypervisor is gone"

    for name in ("inject_nmi", "dump_memory", "processors"):
        monkeypatch.setattr(examine, name, refuse)
    monkeypatch.setattr(triage, "screenshot", refuse)
    hold(tmp_path, story)
