# SPDX-License-Identifier: Apache-2.0
"""Where images are kept: one build at a time, nothing half-done, and what a user may do with them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from windowslike import seal

from harness.cli import console
from harness.cli.image import image
from harness.core import cache, files
from harness.core.errors import HarnessError, UsageError
from harness.core.paths import REPOSITORY
from harness.diagnostics import doctor
from harness.guest import image_manifest
from harness.guest.windows import find_image
from harness.image_builder import build as building
from harness.image_builder import checks, provision, store
from harness.image_builder import media as checking
from harness.image_builder.build import BuildOrder, build
from harness.image_builder.media import Checked
from harness.image_builder.versions import find, media
from harness.lab import firmware, kvm

NAME = "windows-server-2022"


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return store.root()


class Said(NamedTuple):
    """The result of a command."""

    status: int
    out: str
    err: str


def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Said:
    monkeypatch.setattr(sys, "argv", ["wsk-conformance", "image", *arguments])
    try:
        console.main()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    said = capsys.readouterr()
    return Said(status, said.out, said.err)


def sealed_image(name: str = NAME, **changes: str) -> Path:
    folder = image_manifest.folder_of(name)
    folder.mkdir()
    seal(folder, name=name, **changes)
    (folder / "disk.qcow2").chmod(0o400)
    return folder


def test_images_are_listed_with_what_is_wrong_with_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_image("windows-10", evaluation_expires="2020-01-01T00:00:00+00:00")
    sealed_image("windows-11")
    old = sealed_image() / image_manifest.MANIFEST_FILE
    old.write_text(json.dumps({**json.loads(old.read_text()), "schema": 99}))
    (store.root() / ".building-windows-server-2019").mkdir()
    said = command(capsys, monkeypatch, "list")
    assert said.status == 0
    first, second, third = said.out.splitlines()
    assert first == "windows-10: build 10.0.20348.587, by ssh; evaluation until 2020-01-01, which has passed"
    assert second == "windows-11: build 10.0.20348.587, by ssh; no evaluation"
    assert third.startswith(f"{NAME}: ")
    assert "another version" in third


def test_where_there_are_no_images_yet_it_is_said_how_to_build_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = command(capsys, monkeypatch, "list")
    assert (said.status, said.out) == (0, "")
    assert "there is none yet: wsk-conformance image build NAME --iso FILE" in said.err


def test_a_grace_that_is_over_is_told_and_the_licence_decides(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_image(evaluation_expires="2020-01-01T00:00:00+00:00", licence_ends="2999-01-01T00:00:00+00:00")
    said = command(capsys, monkeypatch, "verify", NAME)
    assert said.status == 0
    assert "evaluation until 2999-01-01; never activated, so that it shuts itself down" in said.out


def test_verify_finds_good_ones_good(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_image()
    said = command(capsys, monkeypatch, "verify", NAME)
    assert (said.status, said.out) == (0, f"{NAME}: 3 files are as they were sealed; no evaluation\n")


def test_verify_finds_bad_ones_bad(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no image" in command(capsys, monkeypatch, "verify", NAME).err
    folder = sealed_image(evaluation_expires="2020-01-01T00:00:00+00:00")
    ended = command(capsys, monkeypatch, "verify", NAME)
    assert ended.status == 2
    assert "the evaluation of windows-server-2022 ended on 2020-01-01" in ended.err
    disk = folder / "disk.qcow2"
    before = disk.stat()
    disk.chmod(0o600)
    disk.write_bytes(bytes(before.st_size))
    os.utime(disk, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = command(capsys, monkeypatch, "verify", NAME)
    assert changed.status == 2
    assert "is not what was sealed" in changed.err


def test_an_image_is_deleted_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sealed_image()
    assert command(capsys, monkeypatch, "rm", NAME).status == 0
    assert not folder.exists()
    again = command(capsys, monkeypatch, "rm", NAME)
    assert (again.status, again.out) == (2, "")
    assert f"there is no image {NAME}" in again.err


@pytest.mark.parametrize("name", ["../x", ".", "", "windows-95"])
def test_a_name_that_is_none_reaches_no_folder(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, images: Path
) -> None:
    (images.parent / "x").mkdir()
    for verb in ("verify", "rm"):
        said = command(capsys, monkeypatch, verb, name)
        assert said.status == 2
        assert "there is no image" in said.err
    assert (images.parent / "x").is_dir()
    assert images.is_dir()


def nothing_without_an_image() -> str:
    with pytest.raises(UsageError) as refused:
        find_image(NAME, print)
    return str(refused.value)


def nothing_to_verify() -> str:
    with pytest.raises(UsageError) as refused:
        image_manifest.load(image_manifest.folder_of(NAME))
    return str(refused.value)


WHERE_IT_STANDS: dict[str, Callable[[], str]] = {
    "README.md": lambda: (REPOSITORY / "README.md").read_text(),
    "docs/windows.md": lambda: (REPOSITORY / "docs" / "windows.md").read_text(),
    "doctor": lambda: "\n".join(check.remedy for check in doctor.checks(NAME)),
    "run": nothing_without_an_image,
    "image verify": nothing_to_verify,
    "image --help": lambda: str(image.help).replace("\n    ", "\n"),
}


@pytest.mark.parametrize("place", WHERE_IT_STANDS)
def test_wherever_a_build_is_recommended_it_takes_the_best_way_in(
    place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without OpenSSH only WinRM is left; and what stands there is what the command takes."""
    text = WHERE_IT_STANDS[place]().replace("\\\n", " ")
    (line,) = re.findall(r"wsk-conformance image (build windows-server-2022 .*)$", text, re.M)
    orders: list[BuildOrder] = []

    def take(order: BuildOrder, tell: object) -> str:
        orders.append(order)
        return "made"

    monkeypatch.setattr(building, "build", take)
    assert command(capsys, monkeypatch, *line.split()).status == 0
    assert orders[0].openssh
    assert orders[0].virtio_win


def test_nobody_else_builds_or_removes_an_image_that_is_being_built() -> None:
    other = "import sys\nfrom harness.image_builder import store\nstore.remove(sys.argv[1])"
    with store.locked(NAME):
        said = subprocess.run(
            [sys.executable, "-c", other, NAME], capture_output=True, text=True, timeout=60, check=False
        )
    assert "is being built or removed by another process" in said.stderr


def test_what_a_killed_build_has_left_goes_before_the_next(images: Path) -> None:
    left = images / f".building-{NAME}"
    (left / "tpm").mkdir(parents=True)
    (left / "tpm" / "state").touch(mode=0o400)
    said: list[str] = []
    with store.workshop(NAME, said.append) as folder:
        assert list(folder.iterdir()) == []
    assert said == [f"removing what a build of {NAME} left that was killed"]
    assert not left.exists()


def test_evidence_is_kept_without_secrets_and_replaces_the_last(images: Path) -> None:
    for why in ("first", "second"):
        with store.workshop(NAME, print) as folder:
            assert store.keep_evidence(folder, NAME, why) is None
            for name in ("com1.log", "screen.png", "password", "login_key", "provision.iso"):
                (folder / name).write_text(why)
            kept = store.keep_evidence(folder, NAME, why)
    assert kept == images / f"failed-{NAME}"
    assert {path.name for path in kept.iterdir()} == {"com1.log", "screen.png", "why.txt"}
    assert (kept / "why.txt").read_text() == "second\n"
    assert store.names() == []


def test_everything_of_a_failed_build_is_kept_for_who_asks_for_it(images: Path) -> None:
    with store.workshop(NAME, print) as folder:
        for name in ("com1.log", "disk.qcow2"):
            (folder / name).touch()
        kept = store.keep_evidence(folder, NAME, "why", everything=True)
    assert kept is not None
    assert {path.name for path in kept.iterdir()} == {"com1.log", "disk.qcow2", "why.txt"}
    assert kept.stat().st_mode & 0o077 == 0
    assert not list(images.glob(".building-*"))


# ---- what is asked before anything takes long


def order(tmp_path: Path, **changes: object) -> BuildOrder:
    settings: dict[str, object] = {"version": find(NAME), "iso": tmp_path / "none.iso"}
    return BuildOrder(**{**settings, **changes})  # type: ignore[arg-type]


def test_windows_is_not_emulated_unless_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kvm, "usable", lambda: (False, "there is none"))
    monkeypatch.setattr(checks, "NEEDED_BYTES", 0)
    with pytest.raises(UsageError, match=r"KVM is not usable here \(there is none\).*--emulate"):
        build(order(tmp_path), print)
    with pytest.raises(UsageError, match=r"cannot read .*none.iso"):
        build(order(tmp_path, emulate=True), print)


def test_too_small_a_disk_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(HarnessError, match="XDG_CACHE_HOME"):
        build(order(tmp_path), print)


@pytest.mark.parametrize(
    ("tool", "version", "package"),
    [
        ("qemu-img", NAME, "qemu-utils"),
        ("swtpm", "windows-11", "swtpm"),
        ("swtpm_setup", "windows-11", "swtpm-tools"),
    ],
)
def test_a_missing_tool_is_told_with_its_package(
    tool: str, version: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == tool else f"/{name}")
    with pytest.raises(HarnessError, match=f"{tool} is missing: apt-get install {package}"):
        build(order(tmp_path, version=find(version)), print)


def test_missing_firmware_is_told_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware, "CODE", tmp_path / "none.fd")
    with pytest.raises(HarnessError, match="apt-get install ovmf"):
        build(order(tmp_path), print)


def test_a_disk_on_virtio_needs_its_driver(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--virtio-win"):
        build(order(tmp_path, disk_bus="virtio"), print)


@pytest.mark.parametrize("key", ["x", "AAAAA-BBBBB-CCCCC-DDDDD", "AAAAA-BBBBB-CCCCC-DDDDD-EEEE!"])
def test_what_is_no_product_key_is_refused_and_not_repeated(key: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="five groups of five") as refused:
        build(order(tmp_path, product_key=key), print)
    assert key not in str(refused.value)


@pytest.mark.parametrize("key", ["", "  "])
def test_a_product_key_that_is_empty_is_refused_and_not_taken_for_none(
    key: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = command(capsys, monkeypatch, "build", NAME, "--iso", "x.iso", "--product-key", key)
    assert (said.status, said.out) == (2, "")
    assert "leave out --product-key" in said.err


@pytest.mark.parametrize("option", ["--iso", "--virtio-win", "--openssh"])
@pytest.mark.parametrize("name", ["", " "])
def test_a_medium_without_a_name_is_not_this_folder(
    option: str, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = command(capsys, monkeypatch, "build", NAME, "--iso", "x.iso", option, name)
    assert (said.status, said.out) == (2, "")
    assert f"Invalid value for '{option}': the name is empty" in said.err


MEDIA: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a folder": Path.mkdir,
    "a loop of links": lambda path: path.symlink_to(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "nothing": lambda path: None,
    "an empty file": Path.touch,
    "a web page": lambda path: path.write_text("<!DOCTYPE html>" * 9999),
}


@pytest.mark.parametrize("kind", MEDIA)
@pytest.mark.parametrize("option", ["iso", "virtio_win", "openssh"])
def test_what_is_no_medium_is_a_line_that_names_it(
    option: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 0)
    monkeypatch.setattr(files, "_PATIENCE_S", 0.05)
    MEDIA[kind](tmp_path / "given")
    with pytest.raises(UsageError, match=rf"{re.escape(str(tmp_path / 'given'))}\b") as refused:
        build(order(tmp_path, emulate=True, **{option: tmp_path / "given"}), print)
    assert "\n" not in str(refused.value)


def test_the_small_media_are_looked_at_before_minutes_go_into_windows_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 0)
    monkeypatch.setattr(checking, "check_windows", lambda *_: pytest.fail("it was read first"))
    for option in ("virtio_win", "openssh"):
        with pytest.raises(UsageError, match=r"cannot read .*mistyped"):
            build(order(tmp_path, emulate=True, **{option: tmp_path / "mistyped"}), print)
    monkeypatch.setattr(provision, "_PROGRAMS", (tmp_path / "wsktest.sys",))
    with pytest.raises(HarnessError, match="make driver"):
        build(order(tmp_path, emulate=True), print)


@pytest.mark.parametrize(
    ("name", "given", "lacking"),
    [
        (NAME, (), ["--virtio-win", "--openssh"]),
        (NAME, ("virtio_win",), ["--openssh"]),
        ("windows-server-2025", (), ["--virtio-win"]),
        ("windows-11", ("virtio_win", "openssh"), []),
    ],
)
def test_who_leaves_a_medium_out_is_told_what_the_guest_will_lack(
    name: str, given: tuple[str, ...], lacking: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 0)
    chosen = dict.fromkeys(given, tmp_path / "x")
    said: list[str] = []
    with pytest.raises(UsageError, match="cannot read"):
        build(order(tmp_path, version=find(name), emulate=True, **chosen), said.append)
    notes = [line for line in said if line.startswith("note: without ")]
    assert [line.split()[2] for line in notes] == lacking


def test_a_cache_that_is_relative_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Otherwise each folder that a command is given in would have its own images."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for relative in ("", "cache", "./cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        assert cache.place("images") == tmp_path / ".cache" / "wsk-conformance" / "images"


def test_a_product_key_may_come_from_the_environment_and_is_never_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 0)
    key = "aaaaa-bbbbb-ccccc-ddddd-eeeee"
    orders: list[BuildOrder] = []

    def take(order: BuildOrder, tell: object) -> str:
        orders.append(order)
        return "made"

    monkeypatch.setattr(building, "build", take)
    for in_environment in (f" {key} ", ""):
        monkeypatch.setenv("WSK_PRODUCT_KEY", in_environment)
        said = command(capsys, monkeypatch, "build", NAME, "--iso", "x.iso")
        assert (said.status, said.out) == (0, "made\n")
    assert [taken.product_key for taken in orders] == [key.upper(), None]
    assert key.upper() not in f"{orders}{said.err}"


def test_an_evaluation_is_given_no_other_key_than_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 0)
    known = Checked(tmp_path, "0" * 64, next(medium for medium in media() if medium.version == NAME))
    monkeypatch.setattr(checking, "check_windows", lambda *_: known)
    wanted = order(tmp_path, emulate=True, product_key="AAAAA-BBBBB-CCCCC-DDDDD-EEEEE")
    with pytest.raises(UsageError, match="Evaluation has a key of its own"):
        build(wanted, print)


def test_an_image_that_is_there_is_not_replaced_by_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "NEEDED_BYTES", 0)
    folder = sealed_image()
    with pytest.raises(UsageError, match="--replace"):
        build(order(tmp_path), print)
    with pytest.raises(UsageError, match="cannot read"):
        build(order(tmp_path, emulate=True, replace=True), print)
    image_manifest.check(folder, image_manifest.load(folder), print)
    assert not list(store.root().glob(".building-*"))
