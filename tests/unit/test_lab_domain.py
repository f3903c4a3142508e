# SPDX-License-Identifier: Apache-2.0
"""The XML that libvirt gets for a machine."""

from dataclasses import replace
from pathlib import Path

from harness.lab import domain
from harness.lab.namespace import Network

WANTED = domain.Wanted(
    "guest", domain.DirectBoot(Path("/kernel"), Path("/initrd"), "a<b"), memory_mib=64, kvm=False
)


def test_both_nics_are_on_the_labs_taps_without_offloads() -> None:
    network = Network()
    root = domain.build(WANTED, network, Path("/serial"))
    nics = root.findall("devices/interface")
    taps = [target.get("dev") for nic in nics for target in nic.findall("target")]
    assert taps == [network.mgmt_tap, network.test_tap]
    for nic in nics:
        for side in nic.findall("driver/*"):
            assert set(side.attrib.values()) == {"off"}
            assert {"csum", "tso4", "tso6", "ufo"} <= set(side.attrib)


def test_a_crash_is_kept_and_a_power_off_ends_it() -> None:
    root = domain.build(WANTED, Network(), Path("/serial"))
    assert root.get("type") == "qemu"
    assert root.findtext("on_crash") == "preserve"
    assert root.findtext("on_poweroff") == "destroy"
    assert root.find("devices/panic") is not None


def test_scenarios_have_a_port_of_their_own_where_there_is_a_socket_for_it() -> None:
    with_port = replace(WANTED, control_socket=Path("/control"))
    root = domain.build(with_port, Network(), Path("/serial"))
    (source,) = root.findall("devices/channel/source")
    assert (source.get("mode"), source.get("path")) == ("bind", "/control")
    assert domain.build(WANTED, Network(), Path("/serial")).find("devices/channel") is None
