# SPDX-License-Identifier: Apache-2.0
"""Windows guests: VMs of sealed images, which `wsk-conformance image build` makes from a user's ISO."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from harness.core import extras
from harness.core.errors import GuestHung, HarnessError, UsageError
from harness.core.printable import printable
from harness.guest import image_manifest
from harness.guest.base import Fault, Freedom, OwnDump, Progress, RunningGuest
from harness.guest.channel import Channel, ExecResult, Tell, untold
from harness.guest.image_manifest import ImageManifest
from harness.guest.options import GuestOptions
from harness.guest.overlay import private_copy
from harness.guest.serial import Port
from harness.lab import agent, enlightenments, kvm, neighbours, screen, tpm, windows_domain
from harness.lab.choices import NIC_MODELS
from harness.lab.hypervisor import Hypervisor
from harness.lab.machine import Machine
from harness.lab.namespace import Network
from harness.lab.windows_domain import WindowsMachine

_RECORD_FILE = "build.json"  # harness/image writes it: with which machine the image was built
_MEMORY_MIB = 4096
_BOOT_LIMIT_S = 300.0
_EMULATED_BOOT_LIMIT_S = 3600.0
_ADDRESS_LIMIT_S = 60.0
_RESTART_LIMIT_S = 300.0
_TELL_S = 10
_AGENT = "agent"  # among the channels
# The image builder's answer file makes the one, and its settings name the other.
_WINDOWS_PARTITION, _OWN_DUMP = 3, "/Windows/MEMORY.DMP"
_PORT_FILE = "control"  # beside the private disk
_CONTROL_PORT = r"\\.\Global\org.wsk-conformance.control.0"  # in the guest; windows_domain names it so


@dataclass(frozen=True)
class Image:
    """A sealed image that may be started."""

    folder: Path
    sealed: ImageManifest
    machine: Mapping[str, Any]  # what it was built with

    def secret(self, name: str | None) -> str:
        """The content of one of its files. Raises HarnessError for an image that lacks it."""
        try:
            return (self.folder / (name or "")).read_text().strip()
        except OSError as error:
            raise HarnessError(f"the image lacks a secret ({error}); build it again") from None


class _Rental:
    """A channel and all that its guest had for itself; closing it gives everything back."""

    def __init__(self, channel: Channel, stack: contextlib.ExitStack) -> None:
        self.channel = channel
        self._stack = stack

    async def exec(self, command: str, *, limit: float = 30.0) -> ExecResult:
        return await self.channel.exec(command, limit=limit)

    def close(self) -> None:
        self.channel.close()
        self._stack.close()


class WindowsGuest:
    """Any Windows that an image can be built of."""

    memory_mib = _MEMORY_MIB
    is_light = False
    takes = frozenset({"nic", "verifier", "vbs"})

    def __init__(self, name: str, options: GuestOptions | None = None) -> None:
        if options and options.strict_client:
            raise UsageError(
                f"--strict-client is the reference guest's: {name} has Driver Verifier, --verifier"
            )
        self.name = name
        self._options = options or GuestOptions()
        self._image: Image | None = None
        self._numbers = itertools.count(1)

    def faults(self) -> dict[str, Fault]:
        """None: what Windows does is its own."""
        return {}

    def freedoms(self) -> dict[str, Freedom]:
        """None, for the same reason."""
        return {}

    def prepare(self, progress: Progress) -> None:
        """Find the image and check it. Raises UsageError when it cannot be used, or not here."""
        extras.require("windows")
        image = find_image(self.name, progress)
        accelerated, reason = kvm.usable()
        if not accelerated and not self._options.emulate:
            raise UsageError(
                f"{self.name} wants KVM ({reason}); --emulate starts it without, "
                "which takes up to an hour and tells nothing about times"
            )
        if self._options.vbs and not kvm.nests():
            raise UsageError(
                "--vbs wants virtualisation within the guest, which KVM does not offer here: load kvm_intel "
                "or kvm_amd with nested=1"
            )
        self._image = image

    async def start(
        self,
        hypervisor: Hypervisor,
        network: Network,
        *,
        fault: str | None,
        freedoms: tuple[str, ...] = (),
        cpus: int = 2,
        serial_log: Path,
        progress: Progress,
    ) -> RunningGuest:
        """Boot a private copy of the image and start the driver.

        Raises HarnessError when that fails, GuestHung when the guest does not
        answer; the error names a picture of its screen, and its last words.
        """
        if self._image is None:
            await asyncio.to_thread(self.prepare, progress)
        if self._image is None:
            raise HarnessError(f"{self.name} has no image")
        number = next(self._numbers)
        accelerated, _ = kvm.usable()
        start = _WindowsStart(
            self._image, self._options, cpus, network, serial_log, progress, accelerated, number
        )
        try:
            return await start.perform(hypervisor)
        except BaseException:
            await asyncio.to_thread(start.stack.close)
            raise


@dataclass(frozen=True)
class _WindowsStart:
    """One start of a guest; `stack` gives back what it has taken."""

    image: Image
    options: GuestOptions
    cpus: int
    network: Network
    serial_log: Path
    progress: Progress
    accelerated: bool
    number: int
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    async def perform(self, hypervisor: Hypervisor) -> RunningGuest:
        sealed = self.image.sealed
        wanted = await asyncio.to_thread(self._take)
        how = "" if self.accelerated else " under emulation"
        self.progress(f"starting {sealed.name} ({sealed.build}){how}")
        machine = await hypervisor.start(
            windows_domain.build(wanted, self.network, self.serial_log), self.serial_log
        )
        self.stack.callback(machine.destroy)
        try:
            async with _telling(self.progress, f"{sealed.name} is starting"):
                return await machine.unless_it_fails(self._come_up(machine, wanted))
        except (HarnessError, GuestHung) as error:
            seen = await asyncio.to_thread(_evidence, machine)
            kind = GuestHung if isinstance(error, GuestHung) else HarnessError
            raise kind(f"{error}\n{seen}") from error

    def _take(self) -> WindowsMachine:
        """A machine with private copies of the image's disk and variables."""
        built_with = self.image.machine
        copy = self.stack.enter_context(private_copy(self.image.folder, self.image.sealed))
        return WindowsMachine(
            name=f"{self.image.sealed.name}-{self.number}",
            disk=copy.disk,
            vars=copy.vars,
            memory_mib=int(built_with.get("memory_mib", _MEMORY_MIB)),
            cpus=self.cpus,
            kvm=self.accelerated,
            nic_model=self.options.nic or str(built_with.get("nic_model", NIC_MODELS[0])),
            disk_bus=str(built_with.get("disk_bus", windows_domain.DISK_BUSES[0])),
            enlightenments=enlightenments.offered() if self.accelerated else (),
            tpm_socket=self.stack.enter_context(tpm.running(copy.tpm)) if copy.tpm else None,
            control_socket=copy.disk.with_name(_PORT_FILE),
            virtualisation=self.options.vbs,
        )

    async def _come_up(self, machine: Machine, wanted: WindowsMachine) -> RunningGuest:
        # What a way in stands on is imported while Windows boots, and only when it is the way in.
        from harness.guest.driver_install import adapters_ready, deploy

        sealed, network = self.image.sealed, self.network
        limit = _BOOT_LIMIT_S if self.accelerated else _EMULATED_BOOT_LIMIT_S
        port = wanted.disk.with_name(_PORT_FILE)
        channel = await connect(self.image, network, machine, port, limit, self.progress)
        if self.options.vbs:
            await self._restart_with_vbs(channel, machine)
            channel = await connect(self.image, network, machine, port, limit, self.progress)
        try:
            await adapters_ready(channel)
            for address in (network.test_guest4, network.test_guest6):
                await neighbours.wait_for(address, network.test_guest_mac, _ADDRESS_LIMIT_S)
            scenarios = (
                None if _way(sealed) == _AGENT else Port(port, _CONTROL_PORT)
            )  # it has the port already
            deployed = await deploy(channel, sealed, self.options, self.progress, scenarios)
        except BaseException:
            channel.close()
            raise
        return RunningGuest(
            name=sealed.name,
            kind="windows",
            build=f"Windows {sealed.build}",
            baseline=f"{sealed.name}-{sealed.build.split('.')[2]}",
            accelerator="kvm" if self.accelerated else "tcg",
            machine=machine,
            control=deployed.control,
            connection=_Rental(channel, self.stack.pop_all()),
            info=deployed.info,
            dump=r"C:\Windows\MEMORY.DMP in the guest, whose disk is deleted with it",
            memory_dump=True,
            ends_itself=deployed.ends_itself or sealed.restless(),
            own_dump=OwnDump(wanted.disk, _WINDOWS_PARTITION, _OWN_DUMP),
        )

    async def _restart_with_vbs(self, channel: Channel, machine: Machine) -> None:
        """The channel ends with it. Raises GuestHung when the guest does not restart."""
        from harness.guest.driver_install import switch_on_vbs  # as above

        self.progress(f"{self.image.sealed.name} switches on memory integrity and restarts")
        restarted = machine.expect_restart()
        try:
            await switch_on_vbs(channel)
        finally:
            channel.close()
        try:
            await asyncio.wait_for(restarted, _RESTART_LIMIT_S)
        except TimeoutError:
            raise GuestHung(f"the guest did not restart within {_RESTART_LIMIT_S:g} s") from None


def find_image(name: str, progress: Progress) -> Image:
    """The image of a guest. Raises UsageError when it is missing or must not be used."""
    folder = image_manifest.folder_of(name)
    if not (folder / image_manifest.MANIFEST_FILE).exists():
        raise UsageError(
            f"there is no image of {name}; build one from your ISO: {image_manifest.how_to_build(name)}"
        )
    manifest = image_manifest.load(folder)
    if manifest.name != name:
        raise UsageError(f"{folder} holds an image of {manifest.name}; build {name} again")
    if manifest.expired():
        raise UsageError(f"the evaluation of {name} ended on {manifest.ends}; build it again from a new ISO")
    if manifest.restless():
        progress(
            f"{name} was never activated, and its grace ended on {manifest.evaluation_expires}: it shuts "
            "itself down about every hour; a run that this ends is no finding, and --replace builds it anew"
        )
    if not any(channel in image_manifest.CHANNELS for channel in manifest.channels):
        raise UsageError(f"the image of {name} offers no way in that is known here; build it again")
    image_manifest.check(folder, manifest, progress)
    return Image(folder, manifest, _machine_record(folder))


def _machine_record(folder: Path) -> Mapping[str, Any]:
    try:
        told = json.loads((folder / _RECORD_FILE).read_bytes())["machine"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder / _RECORD_FILE} is damaged ({error}); build the image again") from None
    if not isinstance(told, dict):
        raise UsageError(f"{folder / _RECORD_FILE} is damaged; build the image again")
    return told


def _way(sealed: ImageManifest) -> str:
    """The best of the ways in."""
    return next(name for name in image_manifest.CHANNELS if name in sealed.channels)


async def connect(
    image: Image,
    network: Network,
    machine: Machine,
    control_socket: Path,
    limit: float,
    tell: Tell = untold,
) -> Channel:
    """Log in by the best way that the image offers, within `limit` seconds."""
    told = image.sealed
    way = _way(told)
    if way == "ssh":
        # As above.
        from harness.guest.ssh import Login, SshChannel

        key = image.folder / told.key_file if told.key_file else None
        password = None if key else image.secret(told.password_file)
        login = Login(told.user, str(told.ssh_host_key), key, password)
        return await SshChannel.connect(network.mgmt_guest, login, limit, tell=tell)
    if way == "winrm":
        # As above.
        from harness.guest.winrm import Account, WinRmChannel

        secret = image.secret(told.password_file)
        account = Account(network.mgmt_guest, told.user, secret, told.winrm_cert_sha256)
        return await WinRmChannel.connect(account, limit, tell)
    from harness.guest.agent import AgentChannel  # as above

    return await AgentChannel.connect(partial(agent.ask, machine), control_socket, _CONTROL_PORT, limit)


@contextlib.asynccontextmanager
async def _telling(progress: Progress, what: str) -> AsyncIterator[None]:
    """Says now and then that it still lasts."""

    async def tell() -> None:
        for passed in itertools.count(_TELL_S, _TELL_S):
            await asyncio.sleep(_TELL_S)
            progress(f"{what}: {passed} s")

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()


def _evidence(machine: Machine) -> str:
    """Where to look for why a guest did not come up, in lines for people."""
    lines = []
    try:
        picture = screen.screenshot(machine, machine.serial_log.with_suffix(""))
        lines.append(f"what its screen shows is in {picture}")
    except HarnessError as error:
        lines.append(str(error))
    tail = printable(machine.serial_tail())
    lines.append(f"its last words on COM1:\n{tail}" if tail else "it said nothing on COM1")
    return "\n".join(lines)
