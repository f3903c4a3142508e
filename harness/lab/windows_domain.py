# SPDX-License-Identifier: Apache-2.0
"""The machine that Windows needs, as the XML that libvirt reads."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from harness.lab.domain import QEMU, add_arguments, add_nic, text
from harness.lab.firmware import CODE
from harness.lab.namespace import Network

DISK_BUSES = ("sata", "virtio")

# Windows has a driver of its own for it, so that the way in never depends on the NIC under test.
_MANAGEMENT_NIC = "e1000e"
_AGENT_PORT = "org.qemu.guest_agent.0"
_CONTROL_PORT = "org.wsk-conformance.control.0"
_SPINLOCK_RETRIES = "8191"  # what Hyper-V's own specification calls enough
# Windows would otherwise find itself able to start its own hypervisor under its kernel, asked or not.
_HIDDEN_FEATURES = ("vmx", "svm")
_TIME = "time"  # among the enlightenments; libvirt has it among the timers
_CRASH = "crash"  # and this one among the panic devices
# A guest that stops runs on, so that Windows writes its dump; libvirt has no word for that.
_ARGUMENTS = ("-action", "panic=none")


@dataclass(frozen=True)
class WindowsMachine:
    """A Windows guest's machine; memory in MiB. `kvm` is False for pure emulation.

    `disk` is qcow2 and `vars` a private copy of the firmware's variables: the
    machine writes to both. `enlightenments` are names of
    harness.lab.enlightenments. The firmware starts from the disk or else from
    the first of `cdroms`.
    """

    name: str
    disk: Path
    vars: Path
    memory_mib: int
    cpus: int
    kvm: bool
    code: Path = CODE
    nic_model: str = "virtio"  # of the NIC under test
    disk_bus: str = "sata"
    enlightenments: tuple[str, ...] = ()
    cdroms: tuple[Path, ...] = ()
    tpm_socket: Path | None = None  # of harness.lab.tpm
    virtualisation: bool = False  # of its own, for what Windows puts under its kernel
    control_socket: Path | None = None  # where `wskctl serve` is heard when it serves a virtio port


def build(wanted: WindowsMachine, network: Network | None, serial_log: Path) -> Element:
    """The domain: q35, UEFI without Secure Boot, COM1 into `serial_log`, NICs on the lab's TAPs if any."""
    domain = Element("domain", type="kvm" if wanted.kvm else "qemu")
    text(domain, "name", wanted.name)
    text(domain, "memory", str(wanted.memory_mib), unit="MiB")
    text(domain, "vcpu", str(wanted.cpus))
    _add_firmware(SubElement(domain, "os"), wanted)
    _add_features(SubElement(domain, "features"), wanted.enlightenments)
    _add_processor(domain, wanted)
    _add_clock(domain, wanted.enlightenments)
    text(domain, "on_poweroff", "destroy")
    text(domain, "on_reboot", "restart")  # installing Windows takes several
    text(domain, "on_crash", "preserve")
    power = SubElement(domain, "pm")
    SubElement(power, "suspend-to-mem", enabled="no")
    SubElement(power, "suspend-to-disk", enabled="no")
    _add_devices(SubElement(domain, "devices"), wanted, network, serial_log)
    add_arguments(domain, *_ARGUMENTS)
    return domain


def _add_firmware(element: Element, wanted: WindowsMachine) -> None:
    text(element, "type", "hvm", arch="x86_64", machine="q35")
    text(element, "loader", str(wanted.code), readonly="yes", secure="no", type="pflash")
    text(element, "nvram", str(wanted.vars))


def _add_features(features: Element, enlightenments: tuple[str, ...]) -> None:
    SubElement(features, "acpi")
    SubElement(features, "apic")
    named = [name for name in enlightenments if name not in (_TIME, _CRASH)]
    if named:
        hyperv = SubElement(features, "hyperv", mode="custom")
        for name in named:
            element = SubElement(hyperv, name, state="on")
            if name == "spinlocks":
                element.set("retries", _SPINLOCK_RETRIES)
            elif name == "stimer":
                SubElement(element, "direct", state="on")
    SubElement(features, "vmport", state="off")
    SubElement(features, "vmcoreinfo", state="on")  # a host's dump in Windows' format needs it


def _add_processor(domain: Element, wanted: WindowsMachine) -> None:
    """One socket: Windows client editions use no more than two."""
    if wanted.kvm:
        cpu = SubElement(domain, "cpu", mode="host-passthrough", check="none", migratable="on")
    else:
        # libvirt's default model lacks SSE4.2 and POPCNT, without which Windows restarts for ever.
        cpu = SubElement(domain, "cpu", mode="maximum")
    SubElement(cpu, "topology", sockets="1", dies="1", cores=str(wanted.cpus), threads="1")
    for name in _HIDDEN_FEATURES if wanted.kvm and not wanted.virtualisation else ():
        SubElement(cpu, "feature", policy="disable", name=name)


def _add_clock(domain: Element, enlightenments: tuple[str, ...]) -> None:
    clock = SubElement(domain, "clock", offset="utc")
    SubElement(clock, "timer", name="rtc", tickpolicy="catchup")
    SubElement(clock, "timer", name="pit", tickpolicy="delay")
    SubElement(clock, "timer", name="hpet", present="no")
    if _TIME in enlightenments:
        SubElement(clock, "timer", name="hypervclock", present="yes")


def _add_devices(devices: Element, wanted: WindowsMachine, network: Network | None, serial_log: Path) -> None:
    text(devices, "emulator", QEMU)
    _add_disks(devices, wanted)
    SubElement(devices, "controller", type="usb", model="none")
    if network:
        add_nic(devices, network.mgmt_tap, network.mgmt_guest_mac, 2, _MANAGEMENT_NIC)
        add_nic(devices, network.test_tap, network.test_guest_mac, 3, wanted.nic_model)
    serial = SubElement(devices, "serial", type="file")
    SubElement(serial, "source", path=str(serial_log))
    _add_ports(devices, wanted)
    SubElement(devices, "panic", model="isa")
    if _CRASH in wanted.enlightenments:
        # Windows writes code and parameters there, which takes no driver in it.
        SubElement(devices, "panic", model="hyperv")
    SubElement(SubElement(devices, "video"), "model", type="vga")
    SubElement(devices, "memballoon", model="none")
    if wanted.tpm_socket:
        tpm = SubElement(devices, "tpm", model="tpm-crb")
        backend = SubElement(tpm, "backend", type="external")
        SubElement(backend, "source", type="unix", mode="connect", path=str(wanted.tpm_socket))


def _add_disks(devices: Element, wanted: WindowsMachine) -> None:
    disk = SubElement(devices, "disk", type="file", device="disk")
    # A build that the host cuts short is begun again, and a run's disk is thrown away: flushes are lost time.
    # And when the host cannot write it, its own fault is not to become the guest's: it stands still.
    driver = SubElement(disk, "driver", name="qemu", type="qcow2", cache="unsafe", discard="unmap")
    driver.set("error_policy", "stop")
    SubElement(disk, "source", file=str(wanted.disk))
    SubElement(disk, "target", dev="vda" if wanted.disk_bus == "virtio" else "sda", bus=wanted.disk_bus)
    SubElement(disk, "boot", order="1")
    # SATA whatever the disk is on: Windows Setup reads no CD-ROM behind virtio.
    for number, path in enumerate(wanted.cdroms, 1):
        cdrom = SubElement(devices, "disk", type="file", device="cdrom")
        SubElement(cdrom, "driver", name="qemu", type="raw")
        SubElement(cdrom, "source", file=str(path))
        SubElement(cdrom, "target", dev=f"sd{'abcdef'[number]}", bus="sata")
        SubElement(cdrom, "readonly")
        if number == 1:
            SubElement(cdrom, "boot", order="2")


def _add_ports(devices: Element, wanted: WindowsMachine) -> None:
    """Ports of virtio-serial; harmless to a guest without its driver."""
    agent = SubElement(devices, "channel", type="unix")
    SubElement(agent, "target", type="virtio", name=_AGENT_PORT)
    if wanted.control_socket:
        control = SubElement(devices, "channel", type="unix")
        SubElement(control, "source", mode="bind", path=str(wanted.control_socket))
        SubElement(control, "target", type="virtio", name=_CONTROL_PORT)
