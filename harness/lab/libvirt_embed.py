# SPDX-License-Identifier: Apache-2.0
"""The root folder of libvirt's embedded QEMU driver: settings, sockets, and what it knows of QEMU.

libvirt allows one root in the life of a process, so there is one, made when it
is first asked for and deleted when the process ends, however it ends.
"""

import atexit
import os
import shutil
import tempfile
from functools import cache as once
from pathlib import Path

from harness.core import cache
from harness.core.errors import HarnessError
from harness.lab import qemu_user, reaper, watchdog

# A short path: the names of Unix sockets, which lie well below it, are limited to 107 bytes.
_PARENT = "/tmp"

# There is no virtlogd, no security driver, and no cgroup of ours to manage.
_SETTINGS = """\
stdio_handler = "file"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
"""
# QEMU is root's at first: see qemu_user, which also has the sandbox.
_ROOT_SETTINGS = """\
user = "root"
group = "root"
seccomp_sandbox = 0
"""
_CAPABILITIES = Path("cache/qemu/capabilities")


@once
def root() -> Path:
    """The process's embed root, under a watchdog. Raises HarnessError when libvirt could not use it."""
    settings = _SETTINGS
    if os.geteuid() == 0:
        if why := qemu_user.obstacle():
            raise HarnessError(f"libvirt cannot start QEMU: {why}")
        settings += _ROOT_SETTINGS
    path = Path(tempfile.mkdtemp(prefix="wsk-", dir=_PARENT))
    path.chmod(0o711)  # the sockets in it are opened by their names
    atexit.register(watchdog.end, watchdog.start(path))
    reaper.adopt()
    (path / "etc").mkdir()
    (path / "etc" / "qemu.conf").write_text(settings)
    shutil.copytree(cache.folder("libvirt"), path / _CAPABILITIES)
    return path


def keep_capabilities() -> None:
    """Store what libvirt found out about QEMU: probing it takes seconds, which the next run can save."""
    kept = cache.folder("libvirt")
    for found in (root() / _CAPABILITIES).glob("*.xml"):
        target = kept / found.name
        content = found.read_bytes()
        if target.is_file() and target.read_bytes() == content:
            continue
        with tempfile.NamedTemporaryFile(dir=kept, delete=False) as scratch:
            scratch.write(content)
        Path(scratch.name).replace(target)
