# SPDX-License-Identifier: Apache-2.0
"""Builds an image: checks what it is given, installs Windows from it, and seals the result."""

import asyncio
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import libvirt

from harness import __version__
from harness.core.errors import HarnessError, UsageError
from harness.guest import image_manifest
from harness.guest.image_manifest import ImageManifest
from harness.image_builder import checks, facts, media, provision, secrets, store
from harness.image_builder.answer import Answers
from harness.image_builder.facts import ImageFacts
from harness.image_builder.install import Pace, install
from harness.image_builder.media import Checked
from harness.image_builder.versions import Medium, Version
from harness.lab import enlightenments, firmware, namespace, tpm
from harness.lab.windows_domain import WindowsMachine

DISK, VARS, TPM = "disk.qcow2", "vars.fd", "tpm"
PASSWORD, KEY = "password", "login_key"
PROVISION = "provision.iso"
RECORD = "build.json"
_DISK_SIZE = "64G"  # at most: it grows as it is written to
_COMMAND_LIMIT_S = 60
_PRODUCT_KEY = re.compile(r"[A-Z0-9]{5}(-[A-Z0-9]{5}){4}")
_SHORTEST_EVALUATION_DAYS = 90  # of a medium that is not known

Progress = Callable[[str], None]


@dataclass(frozen=True)
class BuildOrder:
    """The options of one build; memory in MiB."""

    version: Version
    iso: Path
    virtio_win: Path | None = None
    openssh: Path | None = None
    accepted: str | None = None
    product_key: str | None = field(default=None, repr=False)
    image: int | None = None  # in install.wim
    disk_bus: str = "sata"
    memory_mib: int | None = None
    cpus: int = 2
    emulate: bool = False
    replace: bool = False
    keep: bool = False  # everything of a build that fails
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class _Media:
    """The two ISOs that were checked."""

    windows: Checked
    virtio_win: Checked | None


def build(order: BuildOrder, tell: Progress) -> Path:
    """The folder of the image, sealed. Raises UsageError or HarnessError; nothing half-done is left then."""
    name = order.version.name
    if order.disk_bus == "virtio" and not order.virtio_win:
        raise UsageError("a disk on virtio needs its driver: give --virtio-win too, or leave out --disk-bus")
    if order.product_key is not None and not _PRODUCT_KEY.fullmatch(order.product_key):
        raise UsageError(
            "a product key is five groups of five letters and digits, with - between them; an evaluation's "
            "medium has its own, so leave out --product-key for one"
        )
    with store.locked(name):
        if (image_manifest.folder_of(name) / image_manifest.MANIFEST_FILE).exists() and not order.replace:
            raise UsageError(
                f"there is an image {name} already: `wsk-conformance image verify {name}` says whether it is "
                "good; --replace builds another in its place"
            )
        with store.workshop(name, tell) as folder:
            try:
                _make(folder, order, tell)
            except BaseException as error:
                why = str(error) or type(error).__name__
                if kept := store.keep_evidence(folder, name, why, everything=order.keep):
                    tell(f"what it said and showed is kept in {kept}")
                raise
            return store.install(folder, name)


def _make(folder: Path, order: BuildOrder, tell: Progress) -> None:
    """The whole image in `folder`."""
    version = order.version
    accelerated = checks.require(version, folder, emulate=order.emulate)
    for note in _lacks(order):
        tell(f"note: {note}")
    parts = provision.parts(version, order.virtio_win, order.openssh)  # before minutes go into Windows' ISO
    discs = _check_media(order, tell)
    network = namespace.enter()
    password, login_key = _write_secrets(folder)
    content = provision.files(_answers(order, discs, password), login_key, parts)
    provision.write(folder / PROVISION, content)
    machine = _write_machine(folder, order, accelerated)
    tell(f"installing {version.title}" + ("" if accelerated else " under emulation: this takes hours"))
    state = folder / TPM if version.tpm else None
    told = asyncio.run(install(machine, state, network, order.pace, tell))
    now = datetime.now(UTC)
    found = facts.judge(told, version, discs.windows.known, provision.channels(content), now)
    for warning in facts.warnings(told):
        tell(f"note: {warning}")
    (folder / PROVISION).unlink()
    _write_record(folder, order, discs, machine, told)
    tell("sealing")
    _seal(folder, version, discs, found, now, tell)


def _lacks(order: BuildOrder) -> list[str]:
    """A line for each thing that the image will lack, as a medium was left out."""
    lacks = []
    if not order.virtio_win:
        lacks.append(
            "without --virtio-win the NIC under test is an e1000e, there is neither guest agent nor pvpanic, "
            "and scenarios take the way of the login"
        )
    if not order.openssh and not order.version.ssh:
        lacks.append("without --openssh WinRM is the way in, the slower one, and the coarser for the clock")
    return lacks


def _check_media(order: BuildOrder, tell: Progress) -> _Media:
    windows = media.check_windows(order.iso, order.version, order.accepted, tell)
    if windows.known and order.product_key:
        raise UsageError(
            f"{windows.known.edition} has a key of its own and refuses others: leave out --product-key"
        )
    drivers = media.check_drivers(order.virtio_win, tell) if order.virtio_win else None
    return _Media(windows, drivers)


def _write_secrets(folder: Path) -> tuple[str, str]:
    """(the password, the public line of the key for SSH); they and the private half are files now."""
    password = secrets.password()
    private, public = secrets.key_pair()
    for name, content in ((PASSWORD, password.encode()), (KEY, private)):
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    return password, public


def _answers(order: BuildOrder, discs: _Media, password: str) -> Answers:
    return Answers(
        version=order.version,
        image=order.image or (discs.windows.known or order.version).image,
        password=password,
        drivers=order.virtio_win is not None,
        product_key=order.product_key,
    )


def _write_machine(folder: Path, order: BuildOrder, accelerated: bool) -> WindowsMachine:
    """An empty disk, the firmware's variables as they come, a new TPM."""
    _run("qemu-img", "create", "-q", "-f", "qcow2", str(folder / DISK), _DISK_SIZE)
    shutil.copyfile(firmware.VARS, folder / VARS)
    if order.version.tpm:
        (folder / TPM).mkdir()
        tpm.create(folder / TPM)
    return WindowsMachine(
        name=order.version.name,
        disk=folder / DISK,
        vars=folder / VARS,
        memory_mib=order.memory_mib or order.version.memory,
        cpus=order.cpus,
        kvm=accelerated,
        nic_model="virtio" if order.virtio_win else "e1000e",
        disk_bus=order.disk_bus,
        enlightenments=enlightenments.offered() if accelerated else (),
        cdroms=(order.iso.resolve(), folder / PROVISION),
    )


# ---- results


def _write_record(
    folder: Path, order: BuildOrder, discs: _Media, machine: WindowsMachine, told: dict[str, str]
) -> None:
    """build.json: what the image was made from and with; for people, and for reports."""
    known = discs.windows.known
    record: dict[str, Any] = {
        "harness": __version__,
        "host": {
            "kernel": platform.release(),
            "qemu": _run("qemu-system-x86_64", "--version").partition("\n")[0],
            "libvirt": libvirt.getVersion(),
            "firmware_sha256": image_manifest.hash_files(
                firmware.CODE.parent, [firmware.CODE.name], lambda _: None
            ),
        },
        "iso": {
            "file": order.iso.name,
            "sha256": discs.windows.sha256,
            "edition": known.edition if known else None,
        },
        "virtio_win": {"file": discs.virtio_win.path.name, "sha256": discs.virtio_win.sha256}
        if discs.virtio_win
        else None,
        "machine": {
            "kvm": machine.kvm,
            "memory_mib": machine.memory_mib,
            "cpus": machine.cpus,
            "disk_bus": machine.disk_bus,
            "nic_model": machine.nic_model,
            "enlightenments": machine.enlightenments,
        },
        "facts": told,
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1))


def _seal(
    folder: Path, version: Version, discs: _Media, found: ImageFacts, created: datetime, tell: Progress
) -> None:
    """The manifest, and nothing can be written to by mistake any more."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if not Path(name).name.startswith(".")]  # swtpm's lock
    manifest = ImageManifest(
        name=version.name,
        build=found.build,
        created=_moment(created),
        evaluation_expires=_moment(found.evaluation_expires) if found.evaluation_expires else None,
        licence_ends=_licence_end(found, discs.windows.known, created),
        disk=DISK,
        vars=VARS,
        tpm=TPM if version.tpm else None,
        channels=found.channels,
        user=version.account,
        password_file=PASSWORD,
        key_file=KEY,
        ssh_host_key=found.ssh_host_key,
        winrm_cert_sha256=found.winrm_cert_sha256,
        iso_sha256=discs.windows.sha256,
        driver_sha256=image_manifest.hash_files(provision.DRIVER.parent, [provision.DRIVER.name], tell)[
            provision.DRIVER.name
        ],
        hashes=image_manifest.hash_files(folder, names, tell),
    )
    for name in names:
        (folder / name).chmod((folder / name).stat().st_mode & 0o500)
    manifest.save(folder)


def _licence_end(found: ImageFacts, known: Medium | None, created: datetime) -> str | None:
    """End of the licence. Without an activation Windows counts its first days only, and its licence all."""
    if found.evaluation_expires is None or found.activated:
        return None
    days = known.evaluation_days if known else _SHORTEST_EVALUATION_DAYS
    return _moment(max(found.evaluation_expires, created + timedelta(days=days)))


def _moment(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_LIMIT_S, check=True)
    except subprocess.CalledProcessError as error:
        raise HarnessError(f"{command[0]} failed: {error.stderr.strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HarnessError(f"cannot run {command[0]}: {error}") from error
    return done.stdout
