# SPDX-License-Identifier: Apache-2.0
"""The reference guest: a Linux kernel whose module runs the Windows driver on the kernel's own TCP."""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from xml.etree.ElementTree import Element

from harness.core.clock_rate import ClockRate
from harness.core.errors import ChannelLost, GuestHung, HarnessError, UsageError
from harness.core.paths import BUILT_DRIVER, REFERENCE_IMAGE
from harness.core.printable import printable
from harness.guest import switches
from harness.guest.base import Fault, Freedom, Progress, RunningGuest, freedom_and_seed
from harness.guest.options import GuestOptions
from harness.lab import domain, kvm, libvirt_embed, vm_snapshot
from harness.lab.hypervisor import Hypervisor
from harness.lab.machine import Machine
from harness.lab.namespace import Network

if TYPE_CHECKING:
    from harness.guest.control import ByteStream
    from harness.guest.ssh import SshChannel

_BUILD = REFERENCE_IMAGE / "build.py"
_DRIVER = Path(os.environ.get("WSK_DRIVER", BUILT_DRIVER / "wsktest.sys"))  # or another build of it
_DRIVER_IN_GUEST = "/tmp/wsktest.sys"
_PORT_IN_GUEST = "/dev/vport*p1"  # a shell finds the only one; Linux counts virtio devices of all kinds
_FAULT_IN_GUEST = "/sys/module/ntlab/parameters/fault"
_SEED_IN_GUEST = "/sys/module/ntlab/parameters/race_seed"
_STRICT_IN_GUEST = "/sys/module/ntlab/parameters/strict"
# Freedoms that are a matter of how the guest is started.
_PROCESSORS = {"processor-1": 1, "processors-4": 4}

_GIVEN_IMAGE = "WSK_REFERENCE_IMAGE"
_IMAGE_FILES = ("vmlinux", "initramfs.cpio", "login_key", "host_key.pub")
_BOOT_LIMIT_S = 60.0
_BOOTS = 3  # until its clock must run right
# Without these the kernel spends a third of its boot on protecting and testing itself.
# The two of initcall_blacklist, a self-test and tracing, take 0.2 s, and so does waiting for RCU.
# An NMI that no device owns to stops the kernel: that is how a guest that hangs is made to tell. So RCU must
# not look for stalls: on a starved host it sends NMIs that come when nobody waits for them any more.
_COMMAND_LINE = (
    "console=ttyS0 quiet mitigations=off nokaslr cryptomgr.notests unknown_nmi_panic"
    " initcall_blacklist=crypto_kdf108_init,init_kprobe_trace"
    " rcupdate.rcu_expedited=1 rcupdate.rcu_cpu_stall_suppress=1"
)
# QEMU's processors count as one, but do not say so; the clock that the kernel would take then is a device
# that they wait for, and for each other, whenever one of them asks for the time.
_EMULATED = "tsc=reliable"
# The kernel measures its processor again some seconds after it has booted: every start would go on to do so,
# and count at another rate from then on. Then it takes another clock source; after 30 s nobody waits for it.
_CLOCK_SETTLES = (
    "cd /sys/devices/system/clocksource/clocksource0; "
    "for i in $(seq 600); do grep -q tsc-early current_clocksource || break; usleep 50000; done"
)

_T = TypeVar("_T")


class ReferenceGuest:
    """Starts in about a second; says nothing about Windows.

    Under emulation its kernel would take three more to boot. It does so once for
    each image, is frozen, and each start goes on from there.
    """

    name = "reference"
    memory_mib = 256
    is_light = True
    takes: frozenset[str] = frozenset({"strict_client"})

    def __init__(self, name: str = name, options: GuestOptions | None = None) -> None:
        if options and options.verifier:
            raise UsageError(f"the guest {name} has no Driver Verifier to switch on: leave out --verifier")
        if options and options.vbs:
            raise UsageError(f"the guest {name} has no memory integrity to switch on: leave out --vbs")
        if options and options.nic:
            raise UsageError(f"the guest {name} has one kind of NIC only: leave out --nic")
        self._strict = bool(options and options.strict_client)
        self._image: Path | None = None
        self._numbers = itertools.count(1)

    def faults(self) -> dict[str, Fault]:
        """The module's own table."""
        return switches.faults()

    def freedoms(self) -> dict[str, Freedom]:
        """The module's other table."""
        return switches.freedoms()

    @property
    def image(self) -> Path:
        """Its folder. Raises HarnessError before `prepare`."""
        if self._image is None:
            raise HarnessError("the reference guest has no image")
        return self._image

    def prepare(self, progress: Progress) -> None:
        """Build the image, or find it in the cache. Raises HarnessError with the build's own words.

        With $WSK_REFERENCE_IMAGE, the folder of an image that another host built, nothing is built.
        """
        if given := os.environ.get(_GIVEN_IMAGE):
            if missing := [path for path in (*image_files(Path(given)), _DRIVER) if not path.is_file()]:
                raise HarnessError(f"{missing[0]} is missing: `make prepare`, or unset {_GIVEN_IMAGE}")
            self._image = Path(given)
            return
        with subprocess.Popen(
            [sys.executable, str(_BUILD)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as build:
            said = []
            try:
                _import_what_follows()
                for line in build.stderr or ():
                    said.append(line.rstrip())
                    progress(line.rstrip())
                folder = build.stdout.read().strip() if build.stdout else ""
            except BaseException:
                build.terminate()  # its end is waited for
                raise
        if build.returncode != 0:
            raise HarnessError("\n".join(["the reference guest's image cannot be built:", *said[-30:]]))
        self._image = Path(folder)

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
        """Boot it and start the driver.

        Raises HarnessError when the guest ends while it boots, GuestHung when
        it does not answer in a minute.
        """
        if self._image is None:
            await asyncio.to_thread(self.prepare, progress)
        accelerated, reason = kvm.usable()
        number = next(self._numbers)
        if number == 1:
            progress(way_of_running(accelerated, reason))
        for freedom in freedoms:
            cpus = _PROCESSORS.get(freedom, cpus)
        sockets = libvirt_embed.root() if hypervisor.is_here else None
        start = _ReferenceStart(self.image, accelerated, cpus, network, serial_log, sockets)
        name, switched = f"{self.name}-{number}", _Switched(fault, freedoms, self._strict)
        if accelerated or not hypervisor.is_here:
            return await start.run(hypervisor, name, None, switched)
        for _ in range(_BOOTS):
            try:
                return await start.go_on(hypervisor, name, switched, progress)
            except _BootAgain as again:
                progress(f"{again}: it is dropped, and the guest boots again")
                why = again
        raise HarnessError(
            f"the guest did not start well in {_BOOTS} attempts, in the last because {why}: "
            "the host may be too busy to boot it; try again when it has less to do"
        )


class _BootAgain(HarnessError):
    """A boot that was kept is of no use; no case has seen it."""


@dataclass(frozen=True)
class _Switched:
    """The faults and freedoms that are switched on."""

    fault: str | None
    freedoms: tuple[str, ...]
    strict: bool

    @property
    def command(self) -> str:
        """Switches it on, in the guest."""
        free = ""
        if self.freedoms:
            chosen = [freedom_and_seed(freedom) for freedom in self.freedoms]
            free = f"; freedom {','.join(name for name, _ in chosen)}"
            free += "".join(f"; echo {seed} > {_SEED_IN_GUEST}" for _, seed in chosen if seed is not None)
        held = f"; echo Y > {_STRICT_IN_GUEST}" if self.strict else ""
        return f"echo {self.fault or 'none'} > {_FAULT_IN_GUEST}{free}{held}"


@dataclass(frozen=True)
class _ReferenceStart:
    """One start of the guest."""

    image: Path
    accelerated: bool
    cpus: int
    network: Network
    serial_log: Path
    sockets: Path | None  # the folder for those of its machines; None where QEMU is another's

    def place(self) -> Path:
        """Where the booted guest is kept that this start can go on from."""
        like = replace(self, serial_log=Path("any"), sockets=Path("any"))._description("any")
        return vm_snapshot.place(like, [*image_files(self.image), Path(domain.QEMU)])

    async def go_on(
        self, hypervisor: Hypervisor, name: str, switched: "_Switched", progress: Progress
    ) -> RunningGuest:
        """Starts from the booted guest that is kept; boots and keeps one first where it is missing.

        Raises _BootAgain when that one lets nobody in, what was kept cannot go on, or its clock runs so wrong
        that nothing explains it: then it is kept no longer.
        """
        from harness.guest import clock_check  # as below, while the guest boots

        kept = self.place()
        is_new = not await asyncio.to_thread(vm_snapshot.is_intact, kept)
        if is_new:
            progress("booting the guest, and keeping it booted for the starts that follow")
            try:
                await self.freeze(hypervisor, f"{name}-boot", kept)
            except vm_snapshot.NotKept as error:
                progress(f"{error}; the guest boots anew at each start")
                guest = await self.run(hypervisor, name, None, switched)
                return replace(guest, clock_rate=await _measured(guest))
        try:
            guest = await self.run(hypervisor, name, kept, switched)
        except (HarnessError, GuestHung) as error:
            if is_new and kept.exists() and not isinstance(error, _BootAgain):
                raise
            vm_snapshot.drop(kept)
            raise _BootAgain(f"the kept guest does not go on ({_first_line(error)})") from error
        rate = vm_snapshot.clock_rate(kept)
        if rate is None:
            rate = await _measured(guest)
            vm_snapshot.keep_clock_rate(kept, rate)
        if clock_check.is_credible(rate):
            return replace(guest, kept=kept, clock_rate=rate)
        await guest.stop()
        vm_snapshot.drop(kept)
        raise _BootAgain(f"the kept guest's clock runs wrong ({rate.rate:.3f})")

    async def freeze(self, hypervisor: Hypervisor, name: str, kept: Path) -> None:
        """Boot the guest, and keep it booted."""
        machine = await hypervisor.start(self._description(name), self.serial_log)
        await _unless_it_fails(machine, self._keep(hypervisor, machine, kept))
        await asyncio.to_thread(machine.destroy)

    async def run(
        self, hypervisor: Hypervisor, name: str, kept: Path | None, switched: "_Switched"
    ) -> RunningGuest:
        """Start the guest, and the driver in it."""
        machine = await hypervisor.start(self._description(name), self.serial_log, kept)
        return await _unless_it_fails(machine, self._deploy(machine, switched))

    def _description(self, name: str) -> Element:
        boot = domain.DirectBoot(
            self.image / "vmlinux",
            self.image / "initramfs.cpio",
            command_line(self.network, emulated=not self.accelerated),
        )
        wanted = domain.Wanted(
            name,
            boot,
            ReferenceGuest.memory_mib,
            kvm=self.accelerated,
            cpus=self.cpus,
            control_socket=self._control_socket(name),
        )
        return domain.build(wanted, self.network, self.serial_log)

    def _control_socket(self, name: str) -> Path | None:
        return self.sockets / f"{name}.control" if self.sockets else None

    async def _keep(self, hypervisor: Hypervisor, machine: Machine, kept: Path) -> None:
        channel = await self._log_in()
        await _must(channel, _CLOCK_SETTLES)
        channel.close()
        await hypervisor.freeze(machine, kept)

    async def _log_in(self) -> "SshChannel":
        # Imported while the guest boots: that hides their 0.2 s.
        from harness.guest.ssh import Login, SshChannel

        login = Login("root", (self.image / "host_key.pub").read_text(), key=self.image / "login_key")
        try:
            return await SshChannel.connect(self.network.mgmt_guest, login, _BOOT_LIMIT_S)
        except (GuestHung, ChannelLost) as error:
            raise _BootAgain(f"the guest lets nobody in after its boot ({_first_line(error)})") from error

    async def _deploy(self, machine: Machine, switched: "_Switched") -> RunningGuest:
        """Log in, install and start the driver, and connect to it."""
        from harness.guest.control import ControlClient  # as above

        channel = await self._log_in()
        try:
            # One command, as each takes 0.1 s to begin. The clock stood still while the guest was kept.
            date = f"date -s @{time.time():.0f} > /dev/null"
            install = f"cat > {_DRIVER_IN_GUEST} && wskctl install {_DRIVER_IN_GUEST} && wskctl start"
            await _must(channel, f"{date}; {switched.command} && {install}", _DRIVER.read_bytes())
            stream, way = await self._served(channel, machine.name)
            control = await ControlClient.open(stream)
            info = {**await control.info(), "control": way}
        except BaseException:
            channel.close()
            raise
        return RunningGuest(
            name=ReferenceGuest.name,
            kind="reference",
            build=info.get("host", "unknown"),
            baseline=ReferenceGuest.name,  # what it does is this repository's doing, whatever the kernel
            accelerator="kvm" if self.accelerated else "tcg",
            machine=machine,
            control=control,
            connection=channel,
            info=info,
            dump="none: this guest has no disk to keep one; its panic is in the serial log",
        )

    async def _served(self, channel: "SshChannel", name: str) -> tuple["ByteStream", str]:
        """`wskctl serve`, by a virtio port where the machine has one, and the name of the way.

        Over its login each frame costs the guest packets, ciphers and turns of an SSH server: twice the
        time under emulation (bench/ways.py).
        """
        from harness.guest.serial import Port, served  # as above

        if socket := self._control_socket(name):
            return await served(channel, "wskctl", Port(socket, _PORT_IN_GUEST)), "virtio port"
        return await channel.stream("wskctl serve"), "login"


def _first_line(error: Exception) -> str:
    return printable(str(error).partition("\n")[0])


def way_of_running(accelerated: bool, reason: str) -> str:
    """Tells people what KVM, or going without, decides for this guest."""
    if accelerated:
        return f"KVM ({reason}): the guest boots at each start, and has the clock that its kernel chooses"
    return (
        f"no KVM ({reason}): the guest runs under emulation, slower but the same; "
        "it goes on from a kept boot, and its processors count as one clock"
    )


def image_files(folder: Path) -> list[Path]:
    """The files of an image."""
    return [folder / name for name in _IMAGE_FILES]


def command_line(network: Network, *, emulated: bool) -> str:
    """The kernel's: images/reference/init reads the words that begin with wsk."""
    words = {
        "mgmt": f"{network.mgmt_guest}/{network.prefix4}",
        "mgmt_mac": network.mgmt_guest_mac,
        "test4": f"{network.test_guest4}/{network.prefix4}",
        "test6": f"{network.test_guest6}/{network.prefix6}",
        "test_mac": network.test_guest_mac,
    }
    told = [f"wsk.{key}={value}" for key, value in words.items()]
    return " ".join([_COMMAND_LINE, *([_EMULATED] if emulated else []), *told])


def _import_what_follows() -> None:
    """The lab and the way into the guest take 0.2 s to import: meanwhile, as the build takes no less."""
    for name in ("pyroute2", "harness.guest.ssh", "harness.guest.control"):
        import_module(name)


async def _measured(guest: RunningGuest) -> ClockRate:
    """How fast its clock runs; a guest that does not say is stopped."""
    from harness.guest import clock_check  # as above, while the guest boots

    try:
        return await clock_check.rate(guest.control)
    except BaseException:
        await guest.stop()
        raise


async def _unless_it_fails(machine: Machine, work: Coroutine[None, None, _T]) -> _T:
    """The result of `work`; without one, the machine is destroyed.

    Raises HarnessError with the serial port's last lines when the machine fails first.
    """
    try:
        return await machine.unless_it_fails(work)
    except ChannelLost as error:
        await asyncio.to_thread(machine.destroy)
        raise HarnessError(
            f"the guest failed while it started ({error}); "
            f"its last words on the serial port:\n{machine.serial_tail()}"
        ) from error
    except BaseException:
        await asyncio.to_thread(machine.destroy)
        raise


async def _must(channel: "SshChannel", command: str, given: bytes = b"") -> None:
    result = await channel.exec(command, given)
    if result.status != 0:
        said = (result.stdout + result.stderr).decode(errors="replace").strip()
        raise HarnessError(f"`{command}` failed in the guest: {said or f'status {result.status}'}")
