# SPDX-License-Identifier: Apache-2.0
"""`image build` for real, under emulation, with a boot program of ours in the place of Windows Setup.

Everything is as with Windows but Windows itself: libvirt, QEMU, OVMF, swtpm,
keys, the serial port, restarts, power-off, the seal. The boot program performs
a play (tests/support/installer/player.c), and each play has its ending.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from image_facts import facts_of
from image_media import openssh_zip, virtio_win
from installer_iso import make
from labs import processes_under

from harness.core import cache
from harness.core.paths import REPOSITORY
from harness.guest import image_manifest
from harness.image_builder.stages import STAGES, line
from harness.image_builder.versions import find, versions

pytestmark = pytest.mark.vm

_LIMIT = 600  # s
_POLL_S = 0.05

# The command line, on a machine that may have less disk than Windows wants.
_PROGRAM = """
import sys
from harness.image_builder import checks, stages
checks.NEEDED_BYTES = 1 << 26
stages.MOST_STARTS = int(sys.argv.pop(1))
from harness.image_builder import install
install._TOLD_EVERY_S = 2.0
from harness.cli.console import main
main()
"""


@dataclass(frozen=True)
class Play:
    """The behaviour of the boot program, and the command's arguments beside the ISO."""

    first: tuple[str, ...]
    after: tuple[str, ...] = ()
    name: str = "windows-server-2022"
    options: tuple[str, ...] = ()
    most_starts: int = 10


def said(*names: str) -> tuple[str, ...]:
    return tuple(f"w{line(name)}" for name in names)


def told(facts: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"wWSKLAB:FACT {key}={value}" for key, value in facts.items())


REST = tuple(stage.name for stage in STAGES[1:])
HOST_KEY = "ssh-ed25519 " + "A" * 68
KEY = "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
GOOD = facts_of("10.0.26100.1742", **{"channels": "winrm agent", "defender": "quiet", "activated": "no"})


def installation(name: str, facts: Mapping[str, str], *options: str) -> Play:
    """A whole installation as it should go."""
    after = (*said(*REST), *told(facts), "wWSKLAB:READY", "o")
    return Play(("k", *said("setup"), "r"), after, name, options)


ALL_WAYS = {"channels": "ssh winrm agent", "ssh-host-key": HOST_KEY}
GOOD_PLAYS = {
    "windows-11": installation("windows-11", GOOD, "--disk-bus", "virtio", "--virtio-win"),
    "windows-10": installation(
        "windows-10", facts_of("10.0.19044.1288", **ALL_WAYS), "--virtio-win", "--openssh"
    ),
    "windows-server-2019": installation(
        "windows-server-2019", facts_of("10.0.17763.3650", **ALL_WAYS), "--virtio-win", "--openssh"
    ),
    "windows-server-2022": installation("windows-server-2022", facts_of("10.0.20348.587")),
    "windows-server-2025": installation(
        "windows-server-2025",
        facts_of("10.0.26100.32230", **{**ALL_WAYS, "evaluation-minutes": "none"}),
        *("--virtio-win", "--product-key", KEY),
    ),
}
PLAYS = {
    **GOOD_PLAYS,
    "no key": Play(first=()),
    "loads": Play(first=("k", "l64", "n8", *said("logon"), "wWSKLAB:FAIL heard", "h")),
    "failure": Play(
        first=("k", *said("specialize", "logon", "drivers"), "wWSKLAB:FAIL no \x1b[31mdisk (line 7)", "h")
    ),
    "stuck": Play(first=("k", *said("logon"), "h"), options=("--limit-scale", "0.01")),
    "loop": Play(first=("r",), after=("r",), most_starts=1),
    "crash": Play(first=(*said("logon"), "p", "h")),
    "power-off": Play(first=("k", *said("setup"), "o")),
}


@dataclass(frozen=True)
class Build:
    """A command that is over, and the folder of its images."""

    status: int
    out: str
    err: str
    images: Path

    @property
    def last(self) -> str:
        return self.err.splitlines()[-1]

    def evidence(self, name: str = "windows-server-2022") -> Path:
        return self.images / f"failed-{name}"


def own_cache(folder: Path) -> Path:
    """A cache with no image in it; facts of libvirt and KVM are the machine's own, as they cost seconds."""
    place = folder / "cache" / "wsk-conformance"
    place.mkdir(parents=True)
    for name in ("libvirt", "kvm"):
        (place / name).symlink_to(cache.folder(name))
    return folder / "cache"


def start(
    folder: Path, play: Play, cache_folder: Path, within: tuple[str, ...] = ()
) -> "subprocess.Popen[str]":
    """`within` is the command that performs the build's own."""
    iso = make(folder, play.first, play.after)
    command = [sys.executable, "-c", _PROGRAM, str(play.most_starts), "image", "build", play.name]
    command += ["--iso", str(iso), "--accept-iso-sha256", hashlib.sha256(iso.read_bytes()).hexdigest()]
    command += ["--emulate", "--memory", "512", "--cpus", "1", *play.options]
    if "--virtio-win" in command:
        medium = virtio_win(folder / "virtio-win.iso", *find(play.name).drivers)
        command.insert(command.index("--virtio-win") + 1, str(medium))
    if "--openssh" in command:
        command.insert(command.index("--openssh") + 1, str(openssh_zip(folder / "OpenSSH-Win64.zip")))
    return subprocess.Popen(
        [*within, *command],
        cwd=REPOSITORY,
        env={**os.environ, "XDG_CACHE_HOME": str(cache_folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def perform(folder: Path, play: Play) -> Build:
    """The play, to its end."""
    folder.mkdir()
    place = own_cache(folder)
    process = start(folder, play, place)
    try:
        out, err = process.communicate(timeout=_LIMIT)
    except BaseException:
        process.kill()
        raise
    return Build(process.returncode, out, err, place / "wsk-conformance" / "images")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Build]:
    """All plays, two at a time: each has a machine of one processor."""
    base = tmp_path_factory.mktemp("plays")
    with ThreadPoolExecutor(2) as stage:
        runs = {name: stage.submit(perform, base / name, play) for name, play in PLAYS.items()}
        return {name: run.result() for name, run in runs.items()}


def failure(ran: Build, *evidence: str) -> str:
    """The last line of a build that failed as it should: with evidence, and nothing else left."""
    assert ran.status == 3, ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    kept = ran.evidence()
    assert {"com1.log", "domain.xml", "events.txt", "why.txt", *evidence} <= {p.name for p in kept.iterdir()}
    assert f"is kept in {kept}" in ran.err.splitlines()[-2]
    assert sorted(path.name for path in ran.images.iterdir()) == [
        "failed-windows-server-2022",
        "windows-server-2022.lock",
    ]
    assert (kept / "why.txt").read_text().strip() == ran.last.removeprefix("wsk-conformance: ")
    return ran.last


def test_a_good_installation_becomes_a_sealed_image(played: Mapping[str, Build]) -> None:
    ran = played["windows-11"]
    assert ran.status == 0, ran.err
    folder = ran.images / "windows-11"
    assert ran.out == f"{folder}\n"
    image = image_manifest.load(folder)
    image_manifest.check(folder, image, print, everything=True)
    assert set(image.hashes) == {
        *("build.json", "com1.log", "com1.xml", "disk.qcow2", "login_key", "password", "vars.fd"),
        "tpm/tpm2-00.permall",
    }
    assert (image.name, image.build, image.channels) == ("windows-11", GOOD["build"], ("winrm", "agent"))
    assert (image.user, image.tpm, image.ssh_host_key) == ("wsk", "tpm", None)
    assert image.winrm_cert_sha256 == GOOD["winrm-certificate"]
    assert image.evaluation_expires is not None
    assert image.licence_ends == image.evaluation_expires  # 180 days, more than any client has
    assert not image.expired()
    assert not list(ran.images.glob("failed-*"))


@pytest.mark.parametrize("name", versions())
def test_every_version_goes_through_every_stage(name: str, played: Mapping[str, Build]) -> None:
    ran = played[name]
    assert ran.status == 0, ran.err
    image = image_manifest.load(ran.images / name)
    assert image.name == name
    for stage in STAGES:
        assert stage.text in ran.err
    assert ("activated" in ran.err) == (name == "windows-11")  # the one that says that it is not


def test_a_product_key_is_in_nothing_that_is_kept_or_said(played: Mapping[str, Build]) -> None:
    ran = played["windows-server-2025"]
    assert KEY not in ran.err
    for path in ran.images.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes()


def test_every_stage_is_told_in_order(played: Mapping[str, Build]) -> None:
    lines = played["windows-11"].err.splitlines()
    told = [text for text in lines if f"/{len(STAGES)} " in text and " of at most " not in text]
    expected = ["the firmware starts", "the ISO starts; a key is pressed", *(stage.text for stage in STAGES)]
    assert [text.partition(f"/{len(STAGES)} ")[2] for text in told] == [*expected, "powering off"]


def test_what_it_was_made_of_is_recorded_and_the_secrets_are_its_owners(
    played: Mapping[str, Build],
) -> None:
    folder = played["windows-11"].images / "windows-11"
    record = json.loads((folder / "build.json").read_text())
    assert record["facts"] == GOOD
    assert record["machine"]["disk_bus"] == "virtio"
    assert record["machine"]["kvm"] is False
    assert record["iso"]["edition"] is None
    password = (folder / "password").read_text()
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "password":
            assert password.encode() not in path.read_bytes()
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "disk.qcow2").stat().st_mode & 0o222 == 0


def test_a_key_that_does_not_arrive_is_noticed_at_once(played: Mapping[str, Build]) -> None:
    assert "no key reached it in time (Time out)" in failure(played["no key"])


def test_no_key_is_pressed_once_the_disc_is_being_loaded(played: Mapping[str, Build]) -> None:
    """Setup comes after that, and would take it for an answer."""
    assert "Windows reports: heard" in failure(played["loads"])
    said = (played["loads"].evidence() / "com1.log").read_text(errors="replace")
    assert "no key" in said
    assert "a key" not in said.replace("no key", "")


def test_what_windows_reports_is_told_without_what_could_harm_a_terminal(
    played: Mapping[str, Build],
) -> None:
    last = failure(played["failure"], "screen.png")
    assert "4/8 installing drivers" in last
    assert "Windows reports: no " in last
    assert "disk (line 7)" in last
    assert last.isprintable()
    screen = played["failure"].evidence() / "screen.png"
    assert screen.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_stage_that_never_ends_is_given_up(played: Mapping[str, Build]) -> None:
    assert "3/8 first logon: 2 s of at most 9 s; the disk has 0.0 GiB" in played["stuck"].err
    last = failure(played["stuck"], "screen.png")
    assert "3/8 first logon: nothing new for 9 s" in last
    assert "--limit-scale" in last


def test_a_machine_that_restarts_in_a_loop_is_given_up(played: Mapping[str, Build]) -> None:
    assert "was started 2 times" in failure(played["loop"])


def test_a_machine_that_powers_off_too_early_is_a_failure(played: Mapping[str, Build]) -> None:
    last = failure(played["power-off"])
    assert "1/8 Windows Setup copies files: the machine ended" in last
    assert "before Windows was ready" in last


def test_a_crash_is_told_as_one_with_its_screen(played: Mapping[str, Build]) -> None:
    last = failure(played["crash"], "screen.png")
    assert "3/8 first logon: the machine ended (crashed (panicked)) before Windows was ready" in last


def test_nothing_is_left_running(played: Mapping[str, Build]) -> None:
    for ran in played.values():
        assert processes_under(str(ran.images)) == []


# ---- builds that have no room


# The images on a disk of 120 MB, which goes with its namespace: what was kept is shown before.
_SMALL = (
    *("unshare", "--mount", "sh", "-c"),
    'mount -t tmpfs -o size=120m none "$0" && "$@"; status=$?; cat "$0"/failed-*/why.txt; exit $status',
)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give it a disk that is small")
def test_a_disk_that_has_no_room_is_told_as_that_and_the_reason_is_kept(tmp_path: Path) -> None:
    place = own_cache(tmp_path)
    images = place / "wsk-conformance" / "images"
    images.mkdir()
    play = Play(first=("k", *said("logon"), "d200", "wWSKLAB:FAIL heard", "h"))
    process = start(tmp_path, play, place, (*_SMALL, str(images)))
    out, err = process.communicate(timeout=_LIMIT)
    assert process.returncode == 3, err
    assert "the host could not write its disk: is there room?" in err.splitlines()[-1]
    assert err.splitlines()[-1] == f"wsk-conformance: {out.strip()}"


# ---- builds that are cut short


@pytest.fixture
def building(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A build whose machine has just been started."""
    process = start(tmp_path, Play(first=("h",)), own_cache(tmp_path))
    try:
        for text in process.stderr or ():
            if "the firmware starts" in text:
                break
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_gone(images: Path) -> None:
    give_up = time.monotonic() + _LIMIT
    while processes_under(str(images)) and time.monotonic() < give_up:
        time.sleep(_POLL_S)
    assert processes_under(str(images)) == []


def test_ctrl_c_ends_a_build_and_leaves_nothing_but_its_log(
    building: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    images = tmp_path / "cache" / "wsk-conformance" / "images"
    assert processes_under(str(images))
    building.send_signal(signal.SIGINT)
    _, err = building.communicate(timeout=_LIMIT)
    assert building.returncode == 130
    assert err.splitlines()[-1] == "wsk-conformance: interrupted"
    assert "Traceback" not in err
    wait_until_gone(images)
    left = {"failed-windows-server-2022", "windows-server-2022.lock"}
    assert {path.name for path in images.iterdir()} == left


def test_what_a_killed_build_has_left_is_removed_by_the_next(
    building: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    images = tmp_path / "cache" / "wsk-conformance" / "images"
    building.kill()
    building.wait(_LIMIT)
    wait_until_gone(images)
    assert (images / ".building-windows-server-2022" / "password").exists()
    command = [sys.executable, "-c", _PROGRAM, "1", "image", "build", "windows-server-2022"]
    command += ["--emulate", "--iso", str(tmp_path / "none.iso")]
    again = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    assert again.returncode == 2
    assert "removing what a build of windows-server-2022 left that was killed" in again.stderr
    assert {path.name for path in images.iterdir()} == {"windows-server-2022.lock"}
