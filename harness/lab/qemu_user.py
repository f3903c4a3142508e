# SPDX-License-Identifier: Apache-2.0
"""Whom QEMU runs as: never root.

Started by root, it opens all that its machine has as root, wherever that lies: disks, kernel, logs and TAPs.
Before the guest's first instruction it becomes libvirt's user, with no capability left. libvirt's own way is
to start QEMU as that user, who then would have to be let into the folders of all these files.
"""

import grp
import os
import pwd
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from harness.core.system import this_system
from harness.lab.domain import add_arguments

NAME = "libvirt-qemu"
# What Ubuntu's libvirt is built to look up besides, whatever its settings say.
_UBUNTUS_GROUP = "kvm"
# libvirt's own, but for the right to become another user, which is worth nothing without capabilities.
_SANDBOX = "on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny"
_RUN_WITH = 9_001_000  # the QEMU that has the new name of the option, as libvirt counts versions
_CAPABILITIES = {"CAP_SETGID": 6, "CAP_SETUID": 7}  # linux/capability.h


def obstacle(process: Path = Path("/proc/self")) -> str:
    """Why root cannot start QEMU as that user, and what to do; empty when it can, or this is not root."""
    if os.geteuid() != 0:
        return ""
    try:
        user = pwd.getpwnam(NAME)
    except KeyError:
        return (
            f"the user {NAME} is missing: "
            f"useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {NAME}"
        )
    if "ubuntu" in this_system().ids and _UBUNTUS_GROUP not in {group.gr_name for group in grp.getgrall()}:
        return f"the group {_UBUNTUS_GROUP} is missing: groupadd --system {_UBUNTUS_GROUP}"
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    held = int(status["CapEff"], 16)
    missing = [name for name, bit in _CAPABILITIES.items() if not held >> bit & 1]
    if missing:
        return f"root lacks {' and '.join(missing)} here: run as an ordinary user, or allow them"
    mapped = _maps(process / "uid_map", user.pw_uid) and _maps(process / "gid_map", user.pw_gid)
    if not mapped or (process / "setgroups").read_text().strip() == "deny":
        return f"root cannot become {NAME} in this user namespace: run as an ordinary user"
    return ""


def _maps(table: Path, number: int) -> bool:
    """Each row: first number inside, first number outside, how many."""
    rows = [[int(word) for word in row.split()] for row in table.read_text().splitlines()]
    return any(first <= number < first + count for first, _, count in rows)


def become(description: Element, version: int) -> None:
    """Have a QEMU of that version become the user, where we are root, before it runs the machine."""
    if os.geteuid() == 0:
        option = ("-run-with", f"user={NAME}") if version >= _RUN_WITH else ("-runas", NAME)
        add_arguments(description, *option, "-sandbox", _SANDBOX)


def identity() -> dict[str, Any]:
    """Arguments for subprocess.Popen that start a program as that user; empty unless we are root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(NAME)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def lend(path: Path) -> None:
    """Let a running QEMU use this file or socket of ours."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(NAME)
        os.chown(path, user.pw_uid, user.pw_gid)
