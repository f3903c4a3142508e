# SPDX-License-Identifier: Apache-2.0
"""The XML that libvirt gets for Windows."""

import itertools
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, tostring

import pytest
from lxml import etree

from harness.lab import enlightenments, firmware
from harness.lab.domain import QEMU
from harness.lab.namespace import Network
from harness.lab.windows_domain import WindowsMachine, build

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
NETWORK = Network()
ALL = tuple(name for group in enlightenments.GROUPS for name in group)


def domain(network: Network | None = NETWORK, **changes: Any) -> Element:
    settings: dict[str, Any] = {
        "name": "windows",
        "disk": Path("/image/disk.qcow2"),
        "vars": Path("/image/vars.fd"),
        "memory_mib": 4096,
        "cpus": 2,
        "kvm": True,
    }
    return build(WindowsMachine(**settings | changes), network, Path("/log"))


@pytest.fixture(scope="module")
def schema() -> "etree.RelaxNG":
    return etree.RelaxNG(etree.parse(str(SCHEMA)))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"kvm": False}, id="emulated"),
        pytest.param({"enlightenments": ALL}, id="enlightened"),
        pytest.param({"disk_bus": "virtio", "nic_model": "e1000e"}, id="other models"),
        pytest.param({"cdroms": (Path("/windows.iso"), Path("/provision.iso"))}, id="with discs"),
        pytest.param({"tpm_socket": Path("/tpm"), "control_socket": Path("/control")}, id="with sockets"),
        pytest.param({"network": None}, id="without network"),
    ],
)
def test_libvirts_own_schema_accepts_it(changes: dict[str, Any], schema: "etree.RelaxNG") -> None:
    schema.assertValid(etree.fromstring(tostring(domain(**changes))))


def test_the_schema_would_notice(schema: "etree.RelaxNG") -> None:
    assert not schema.validate(etree.fromstring(tostring(domain(disk_bus="tape"))))


def test_the_firmware_is_named_and_has_no_secure_boot() -> None:
    os = domain().find("os")
    assert os is not None
    assert os.get("firmware") is None
    loader = os.find("loader")
    assert loader is not None
    assert loader.text == str(firmware.CODE)
    assert (loader.get("secure"), loader.get("readonly"), loader.get("type")) == ("no", "yes", "pflash")
    assert os.findtext("nvram") == "/image/vars.fd"


@pytest.mark.parametrize("model", ["virtio", "e1000e"])
def test_the_test_nic_is_of_the_chosen_model_without_offloads(model: str) -> None:
    management, test = domain(nic_model=model).findall("devices/interface")
    assert [nic.find("model").get("type") for nic in (management, test)] == ["e1000e", model]  # type: ignore[union-attr]
    assert test.find("mac").get("address") == NETWORK.test_guest_mac  # type: ignore[union-attr]
    for side in test.findall("driver/*"):
        assert set(side.attrib.values()) == {"off"}


def test_it_starts_from_the_disk_and_then_from_the_first_disc() -> None:
    disks = domain(cdroms=(Path("/windows.iso"), Path("/provision.iso"))).findall("devices/disk")
    order = {
        str(disk.find("source").get("file")): boot.get("order")  # type: ignore[union-attr]
        for disk in disks
        if (boot := disk.find("boot")) is not None
    }
    assert order == {"/image/disk.qcow2": "1", "/windows.iso": "2"}
    buses = [disk.find("target").get("bus") for disk in disks]  # type: ignore[union-attr]
    assert buses == ["sata", "sata", "sata"]


def test_enlightenments_are_those_that_were_found_and_no_others() -> None:
    assert domain(enlightenments=()).find("features/hyperv") is None
    some = domain(enlightenments=("relaxed", "spinlocks"))
    hyperv = some.find("features/hyperv")
    assert hyperv is not None
    assert [element.tag for element in hyperv] == ["relaxed", "spinlocks"]
    assert "hypervclock" not in [timer.get("name") for timer in some.iter("timer")]
    assert "hypervclock" in [timer.get("name") for timer in domain(enlightenments=ALL).iter("timer")]
    assert [e.tag for e in domain(enlightenments=ALL).iterfind("features/hyperv/*")] == [
        name for name in ALL if name not in ("time", "crash")
    ]


def test_a_crash_is_told_without_any_driver_where_the_host_can_and_cuts_nothing_off() -> None:
    def panics(tree: Element) -> list[str | None]:
        return [device.get("model") for device in tree.iterfind("devices/panic")]

    assert panics(domain()) == ["isa"]
    assert panics(domain(enlightenments=ALL)) == ["isa", "hyperv"]
    for tree in (domain(), domain(enlightenments=ALL)):
        words = [element.get("value") for element in tree.iter() if element.tag.endswith("}arg")]
        assert words == ["-action", "panic=none"]


def test_what_the_host_cannot_write_is_not_the_guests_to_bear() -> None:
    (driver,) = domain().findall("devices/disk[@device='disk']/driver")
    assert driver.get("error_policy") == "stop"


def test_the_processor_can_what_windows_needs_and_no_virtualisation() -> None:
    cpu = domain().find("cpu")
    assert cpu is not None
    assert cpu.get("mode") == "host-passthrough"
    assert {feature.get("name"): feature.get("policy") for feature in cpu.findall("feature")} == {
        "vmx": "disable",
        "svm": "disable",
    }
    assert domain(virtualisation=True).findall("cpu/feature") == []
    emulated = domain(kvm=False)
    assert emulated.get("type") == "qemu"
    assert emulated.find("cpu").get("mode") == "maximum"  # type: ignore[union-attr]


@pytest.mark.parametrize("working", range(len(enlightenments.GROUPS) + 1))
def test_a_group_is_used_only_with_all_before_it(working: int) -> None:
    tried = []

    def works(words: str) -> bool:
        tried.append(words)
        return len(tried) <= working

    names = enlightenments.longest(works)
    assert names == tuple(name for group in enlightenments.GROUPS[:working] for name in group)
    for shorter, longer in itertools.pairwise(tried):
        assert longer.startswith(shorter)


def test_the_probe_really_starts_qemu_and_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """KVM may be missing here: an emulated processor shows that a good start is told from a bad one."""
    qemu = tmp_path / "qemu"
    qemu.write_text(f'#!/bin/sh\nshift 2\nexec {QEMU} -accel tcg "$@"\n')
    qemu.chmod(0o755)
    monkeypatch.setattr(enlightenments, "QEMU", str(qemu))
    monkeypatch.setattr(enlightenments, "_CPU", "max")
    assert enlightenments._qemu_starts("x2apic=off")
    assert not enlightenments._qemu_starts("hv-no-such-thing")
