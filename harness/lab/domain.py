# SPDX-License-Identifier: Apache-2.0
"""The machine that a guest needs, as the XML that libvirt reads."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from harness.lab.namespace import Network

QEMU = "/usr/bin/qemu-system-x86_64"
# Firmware that only starts a kernel; SeaBIOS takes 0.15 s longer under emulation.
QBOOT = Path("/usr/share/qemu/qboot.rom")
_QEMU_NAMESPACE = "{http://libvirt.org/schemas/domain/qemu/1.0}"
_GUEST_OFFLOADS_OFF = {"csum": "off", "tso4": "off", "tso6": "off", "ecn": "off", "ufo": "off"}
_HOST_OFFLOADS_OFF = {**_GUEST_OFFLOADS_OFF, "gso": "off"}
_CONTROL_PORT = "org.wsk-conformance.control.0"


@dataclass(frozen=True)
class DirectBoot:
    """A kernel that QEMU loads itself, without firmware menus and boot loader."""

    kernel: Path
    initrd: Path
    command_line: str


@dataclass(frozen=True)
class Wanted:
    """A guest's machine; memory in MiB. `kvm` is False for pure emulation."""

    name: str
    boot: DirectBoot
    memory_mib: int
    kvm: bool
    cpus: int = 2
    control_socket: Path | None = None  # where `wskctl serve` is heard when it serves a virtio port


def build(wanted: Wanted, network: Network, serial_log: Path) -> Element:
    """The domain: q35, two NICs on the lab's TAPs, a serial port into `serial_log`, pvpanic, little else."""
    domain = Element("domain", type="kvm" if wanted.kvm else "qemu")
    text(domain, "name", wanted.name)
    text(domain, "memory", str(wanted.memory_mib), unit="MiB")
    text(domain, "vcpu", str(wanted.cpus))
    _add_boot(SubElement(domain, "os"), wanted.boot)
    _add_processor(domain, wanted.kvm)
    text(domain, "on_poweroff", "destroy")
    text(domain, "on_reboot", "destroy")
    text(domain, "on_crash", "preserve")
    devices = SubElement(domain, "devices")
    _add_devices(devices, network, serial_log)
    if wanted.control_socket:
        _add_control_port(devices, wanted.control_socket)
    return domain


def _add_boot(element: Element, boot: DirectBoot) -> None:
    text(element, "type", "hvm", arch="x86_64", machine="q35")
    if QBOOT.is_file():
        text(element, "loader", str(QBOOT), type="rom")
    text(element, "kernel", str(boot.kernel))
    text(element, "initrd", str(boot.initrd))
    text(element, "cmdline", boot.command_line)


def _add_processor(domain: Element, kvm: bool) -> None:
    features = SubElement(domain, "features")
    SubElement(features, "acpi")
    SubElement(features, "apic")
    if kvm:
        SubElement(domain, "cpu", mode="host-passthrough")


def _add_devices(devices: Element, network: Network, serial_log: Path) -> None:
    text(devices, "emulator", QEMU)
    add_nic(devices, network.mgmt_tap, network.mgmt_guest_mac, slot=2)
    add_nic(devices, network.test_tap, network.test_guest_mac, slot=3)
    serial = SubElement(devices, "serial", type="file")
    SubElement(serial, "source", path=str(serial_log))
    SubElement(devices, "panic", model="isa")
    rng = SubElement(devices, "rng", model="virtio")
    text(rng, "backend", "/dev/urandom", model="random")
    _place(rng, slot=4)
    SubElement(devices, "controller", type="usb", model="none")
    SubElement(devices, "memballoon", model="none")


def _add_control_port(devices: Element, path: Path) -> None:
    """The one port of the machine's only virtio-serial device."""
    controller = SubElement(devices, "controller", type="virtio-serial", index="0", ports="2")  # 0: a console
    _place(controller, slot=5)
    channel = SubElement(devices, "channel", type="unix")
    SubElement(channel, "source", mode="bind", path=str(path))
    SubElement(channel, "target", type="virtio", name=_CONTROL_PORT)


def _place(device: Element, slot: int) -> None:
    """Places it on the root bus: a bridge for each device, libvirt's choice, costs the guest's boot 0.1 s."""
    SubElement(device, "address", type="pci", bus="0", slot=str(slot))


def add_nic(devices: Element, tap: str, mac: str, slot: int, model: str = "virtio") -> None:
    """Offloads are off on both sides, so that a capture on the TAP shows real segments and checksums."""
    nic = SubElement(devices, "interface", type="ethernet")
    SubElement(nic, "target", dev=tap, managed="no")
    SubElement(nic, "mac", address=mac)
    SubElement(nic, "model", type=model)
    driver = SubElement(nic, "driver")
    SubElement(driver, "host", _HOST_OFFLOADS_OFF)
    SubElement(driver, "guest", _GUEST_OFFLOADS_OFF)
    SubElement(nic, "rom", enabled="no")
    _place(nic, slot)


def text(parent: Element, tag: str, content: str, **attributes: str) -> None:
    """An element with text in it."""
    SubElement(parent, tag, attributes).text = content


def add_arguments(domain: Element, *words: str) -> None:
    """Words for QEMU's command line, for what libvirt has no word for."""
    line = SubElement(domain, f"{_QEMU_NAMESPACE}commandline")
    for word in words:
        SubElement(line, f"{_QEMU_NAMESPACE}arg", value=word)
