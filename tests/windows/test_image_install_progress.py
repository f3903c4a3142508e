# SPDX-License-Identifier: Apache-2.0
"""How an installation is followed: messages on COM1, and their meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.image_builder import stages
from harness.image_builder.install_progress import BuildFailed, InstallProgress
from harness.image_builder.stages import STAGES, SerialEvent, SerialListener

# As OVMF of Debian 12 writes them.
DISC = (
    '\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: starting Boot0001 "UEFI QEMU DVD-ROM QM00003 " '
    "from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0)\r\n"
)
EMPTY_DISK = (
    'BdsDxe: failed to load Boot0002 "UEFI QEMU HARDDISK QM00001 " '
    "from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0): Not Found\r\n"
)
NO_KEY = (
    'BdsDxe: failed to start Boot0001 "UEFI QEMU DVD-ROM QM00003 " '
    "from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0): Time out\r\n"
)
NO_PROGRAM = (
    'BdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM QM00003 " '
    "from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0): Not Found\r\n"
)
SHELL = 'BdsDxe: starting Boot0003 "EFI Internal Shell" from Fv(7CB8BDC9)/FvFile(7C04A583)\r\n'
WINDOWS = 'BdsDxe: starting Boot0004 "Windows Boot Manager" from HD(1,GPT,F1BC)/bootmgfw.efi\r\n'
ALL = "".join(f"{stages.line(stage.name)}\r\n" for stage in STAGES)


def course(scale: float = 1.0, most_starts: int = stages.MOST_STARTS) -> InstallProgress:
    return InstallProgress(0.0, lambda _: None, scale, most_starts)


def follow(text: str, on: InstallProgress | None = None, now: float = 1.0) -> InstallProgress:
    on = on or course()
    for sign in SerialListener().hear(text.encode()):
        on.take(sign, now)
    return on


def test_a_good_installation_comes_to_its_end() -> None:
    one = follow(EMPTY_DISK + DISC)
    assert one.pressing
    follow("Press any key to boot from CD or DVD......" + stages.line("setup") + "\r\n", one)
    assert not one.pressing
    one.restart()
    follow(WINDOWS + ALL.split("\r\n", 1)[1] + "WSKLAB:FACT build=10.0.1.2\r\n", one)
    assert not one.ready
    with pytest.raises(BuildFailed, match=r"ended .* before Windows was ready"):
        one.end("shutdown")
    follow("WSKLAB:READY\r\n", one)
    one.end("shutdown")
    assert one.ready
    assert one.facts == {"build": "10.0.1.2"}


def test_a_key_is_pressed_at_the_first_start_only() -> None:
    one = follow(DISC)
    one.restart()
    assert not one.pressing
    assert not follow(DISC, one).pressing


def test_windows_may_be_silent_before_it_can_reach_com1() -> None:
    assert follow(f"{DISC}{WINDOWS}{stages.line('logon')}\r\n").reached == 3


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (DISC + NO_KEY, "no key reached it"),
        (EMPTY_DISK + NO_PROGRAM, "no installation disc for UEFI"),
        (SHELL, "fell through to its shell"),
        ("BdsDxe: No bootable option or device was found.\r\n", "fell through to its shell"),
        (stages.line("setup") + "\r\n" + SHELL, "no system on the disk"),
        ("WSKLAB:FAIL pnputil ended with 5: denied (line 7)\r\n", r"Windows reports: pnputil .* \(line 7\)"),
        ("WSKLAB:FAIL \x1b]0;x\x07\x1b[31mred\r\n", "Windows reports: \N{REPLACEMENT CHARACTER}"),
        (ALL + stages.line("logon") + "\r\n", "logon has begun a second time"),
        (stages.line("settings") + "\r\n", "settings has begun without logon, drivers, channels"),
        ("WSKLAB:STAGE 1/3 setup\r\n", "does not exist"),
        ("WSKLAB:STAGE 9/8 over\r\n", "does not exist"),
        ("WSKLAB:STAGE 0/8 verify\r\n", "does not exist"),
        ("WSKLAB:STAGE 1/8 verify\r\n", "does not exist"),
        ("WSKLAB:READY\r\n", "with stages missing"),
        ("".join(f"WSKLAB:FACT f{n}=x\r\n" for n in range(101)), "more than 100 facts"),
    ],
)
def test_what_goes_wrong_is_told_at_once(said: str, why: str) -> None:
    with pytest.raises(BuildFailed, match=why):
        follow(said)


def test_behind_a_restart_a_prompt_that_runs_out_is_as_it_should_be() -> None:
    one = follow(DISC + stages.line("setup") + "\r\n")
    one.restart()
    follow(NO_KEY, one)


def test_a_machine_that_restarts_for_ever_is_given_up() -> None:
    one = course(most_starts=3)
    one.restart()
    one.restart()
    with pytest.raises(BuildFailed, match=r"started 4 times.*loop"):
        one.restart()


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_each_stage_has_its_limit(stage: stages.Stage) -> None:
    said = ALL[: ALL.index(stage.name) + len(stage.name)] + "\r\n"
    one = follow(said, now=10.0)
    one.check_time(10.0 + stage.limit_s)
    with pytest.raises(BuildFailed, match=stage.text):
        one.check_time(11.0 + stage.limit_s)
    slow = follow(said, course(scale=2), now=10.0)
    slow.check_time(11.0 + stage.limit_s)


def test_a_firmware_that_says_nothing_is_given_up_in_its_own_time() -> None:
    for scale in (1, 100):
        with pytest.raises(BuildFailed, match="the firmware starts"):
            course(scale=scale).check_time(stages.FIRMWARE_LIMIT_S + 1)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_however_it_arrives_the_same_is_heard(pieces: list[bytes]) -> None:
    data = b"".join(pieces) + b"\r\n" + (DISC + ALL).encode()
    expected = SerialListener().hear(data)
    assert expected[-len(STAGES) - 1 :] == [
        SerialEvent("disc"),
        *(SerialEvent("stage", stages.line(stage.name).removeprefix("WSKLAB:STAGE ")) for stage in STAGES),
    ]
    listener, heard = SerialListener(), []
    for at in range(0, len(data), 7):
        heard += listener.hear(data[at : at + 7])
    assert heard == expected


def test_a_line_without_an_end_takes_no_memory() -> None:
    listener = SerialListener()
    for _ in range(100):
        assert listener.hear(b"x" * 4096) == []
    assert len(listener._rest) <= 4096
    assert listener.hear(b"\nWSKLAB:READY\n") == [SerialEvent("ready")]
