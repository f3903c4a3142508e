# SPDX-License-Identifier: Apache-2.0
"""The lab's own network: this process moves into a namespace of its own with two TAPs in it.

Nothing of the host's network is touched, every lab can use the same addresses,
and the kernel takes the namespace away with the process. Where one process has
several labs, a thread goes with each into one more.
"""

import contextlib
import ctypes
import errno
import os
import subprocess
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from pyroute2 import IPRoute

# sched.h
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

_TUN = Path("/dev/net/tun")
_NO_NAMESPACE = (
    "cannot make a private network namespace ({why}): run as root, or allow user namespaces "
    "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
    "kernel.apparmor_restrict_unprivileged_userns)"
)
_IFA_F_NODAD = 0x02  # linux/if_addr.h
# The others are off on a TAP unless the guest's driver asks for them, and the domain forbids that.
_OFFLOADS = ("scatter-gather", "generic-segmentation-offload", "generic-receive-offload")
# What the kernel would otherwise send by itself: no link-local address, no router solicitation.
_IPV6_SETTINGS = {
    "addr_gen_mode": 1,
    "accept_ra": 0,
    "autoconf": 0,
    "router_solicitations": 0,
    "accept_dad": 0,
    # In ms: what must be reported is reported at once, and not when a test is under way.
    "mldv2_unsolicited_report_interval": 1,
}


@dataclass(frozen=True)
class Network:
    """The lab's interfaces, and the addresses of both ends: the host's is .1 or ::1, the guest's .2 or ::2.

    `mgmt` is the way into the guest; `test` carries the traffic under test and nothing else.
    """

    mgmt_tap: str = "mgmt0"
    test_tap: str = "test0"
    mgmt_host: str = "10.7.0.1"
    mgmt_guest: str = "10.7.0.2"
    test_host4: str = "10.8.0.1"
    test_guest4: str = "10.8.0.2"
    test_host6: str = "fd00:8::1"
    test_guest6: str = "fd00:8::2"
    prefix4: int = 24
    prefix6: int = 64
    mgmt_host_mac: str = "52:54:00:07:00:01"
    mgmt_guest_mac: str = "52:54:00:07:00:02"
    test_host_mac: str = "52:54:00:08:00:01"
    test_guest_mac: str = "52:54:00:08:00:02"


def check() -> None:
    """Can there be a lab here? Raises HarnessError; costs next to nothing, and changes nothing."""
    _check_tun()
    if os.geteuid() == 0:
        return
    with contextlib.suppress(OSError):
        tried = ["unshare", "--user", "--net", "true"]
        if subprocess.run(tried, capture_output=True, check=False).returncode != 0:
            raise HarnessError(_NO_NAMESPACE.format(why="the system refuses it"))


def _check_tun() -> None:
    if not os.access(_TUN, os.R_OK | os.W_OK):
        raise HarnessError(
            f"{_TUN} is missing or not writable: load the module tun, and run as root or `chmod 666 {_TUN}`"
        )


def enter() -> Network:
    """Move the calling process into its own network; later calls come to the same.

    Call it before any thread exists: a thread that is already running stays
    outside, and a process with threads cannot enter a user namespace at all.
    Raises HarnessError, with what to do, when the host does not allow it.
    """
    entered = entered_once()
    if isinstance(entered, HarnessError):
        raise entered
    return entered


@cache
def entered_once() -> Network | HarnessError:
    """The result of the first attempt; a second could only fail for another reason, which hides the first."""
    try:
        return _enter()
    except HarnessError as error:
        return error


def _enter() -> Network:
    if threading.active_count() > 1:
        raise HarnessError("the lab was started after threads; call namespace.enter() first of all")
    _check_tun()
    _unshare()
    return furnish()


def enter_another() -> None:
    """Move the calling thread, and those that it starts from then on, into a further network, still empty.

    The process has to be in its own. Raises HarnessError when the host does not allow it.
    """
    _call_unshare(_CLONE_NEWNET)


def furnish() -> Network:
    """Make all that a lab needs in the network that the calling thread is in. Not in a running event loop."""
    # A third of what pytest's plugin would take to import; who only lists cases has no use for it.
    from pyroute2 import IPRoute

    network = Network()
    with IPRoute() as route:
        route.link("set", ifname="lo", state="up")
        _add_tap(route, network.mgmt_tap, network.mgmt_host_mac, [(network.mgmt_host, network.prefix4)])
        _add_tap(
            route,
            network.test_tap,
            network.test_host_mac,
            [(network.test_host4, network.prefix4), (network.test_host6, network.prefix6)],
        )
    # While the guest boots it is asked for its address; the kernel's own pace is once a second.
    Path(f"/proc/sys/net/ipv4/neigh/{network.mgmt_tap}/retrans_time_ms").write_text("20")
    _disable_offloads(network.test_tap)
    return network


def _unshare() -> None:
    if os.geteuid() == 0:
        _call_unshare(_CLONE_NEWNET)
        return
    uid, gid = os.getuid(), os.getgid()
    _call_unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    # The ids map to themselves, so that libvirt still takes its unprivileged path.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _call_unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) == 0:
        return
    code = ctypes.get_errno()
    if code == errno.EINVAL:
        raise HarnessError(
            "cannot enter a user namespace from a process with threads; start the lab first of all"
        )
    raise HarnessError(_NO_NAMESPACE.format(why=os.strerror(code)))


def _add_tap(route: "IPRoute", name: str, mac: str, addresses: list[tuple[str, int]]) -> None:
    route.link("add", ifname=name, kind="tuntap", mode="tap", uid=os.getuid())
    _silence(name)
    (index,) = route.link_lookup(ifname=name)
    route.link("set", index=index, address=mac)
    for address, prefix in addresses:
        # Duplicate address detection would delay the address by a second.
        flags = {"flags": _IFA_F_NODAD} if ":" in address else {}
        route.addr("add", index=index, address=address, prefixlen=prefix, **flags)
    route.link("set", index=index, state="up")


def _silence(name: str) -> None:
    folder = Path("/proc/sys/net/ipv6/conf") / name
    if not folder.is_dir():
        raise HarnessError(
            "this kernel has no IPv6, which half of the tests need: boot without ipv6.disable=1"
        )
    for setting, value in _IPV6_SETTINGS.items():
        (folder / setting).write_text(str(value))


def _disable_offloads(name: str) -> None:
    """Switches offloads off, so that the capture shows the wire: one packet a segment, with its checksum."""
    from pyroute2.ethtool import Ethtool  # see _enter

    ethtool = Ethtool()
    try:
        for offload in _OFFLOADS:
            ethtool.set_offload_flag(name, offload, 0)
    finally:
        ethtool.close()
