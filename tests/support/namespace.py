# SPDX-License-Identifier: Apache-2.0
"""Runs a test in a network namespace of its own, with a wire to a kernel that plays the guest."""

import ctypes
import functools
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from harness.core.paths import REPOSITORY

_INSIDE = "WSKTEST_INSIDE_NAMESPACE"
_LIMIT = 120  # s
_CLONE_NEWNET = 0x40000000  # sched.h

INTERFACE = "wire"
HOST = {4: "192.0.2.1", 6: "2001:db8::1"}
GUEST = {4: "192.0.2.2", 6: "2001:db8::2"}


def in_own_namespace(test: Callable[[], None]) -> Callable[[], None]:
    """The test runs in a pytest of its own, inside new user and network namespaces."""

    @functools.wraps(test)
    def run() -> None:
        if os.environ.get(_INSIDE):
            test()
            return
        node = f"{test.__code__.co_filename}::{test.__name__}"
        pytest = [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", node]
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--net", *pytest],
            cwd=REPOSITORY,
            env={**os.environ, _INSIDE: "1"},
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


class NamespaceGuest:
    """A second namespace at the other end of the wire."""

    def __init__(self, process: int) -> None:
        self._namespace = Path(f"/proc/{process}/ns/net")
        self._enter = ["nsenter", f"--net={self._namespace}"]

    def run(self, *command: str) -> None:
        subprocess.run([*self._enter, *command], check=True, timeout=_LIMIT)

    def read(self, *command: str) -> str:
        return subprocess.check_output([*self._enter, *command], text=True, timeout=_LIMIT)

    def tcp_socket(self, family: int) -> socket.socket:
        """A TCP socket of the guest's kernel, in this process."""
        with ThreadPoolExecutor(1) as visitor:  # only the thread moves, and it ends here
            return visitor.submit(self._tcp_socket, family).result(_LIMIT)

    def _tcp_socket(self, family: int) -> socket.socket:
        libc = ctypes.CDLL(None, use_errno=True)
        with self._namespace.open("rb") as namespace:
            assert libc.setns(namespace.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        return socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)

    def python(self, *lines: str) -> "subprocess.Popen[bytes]":
        """Starts a program that has the socket module."""
        return subprocess.Popen([*self._enter, sys.executable, "-c", "\n".join(("import socket", *lines))])


@contextmanager
def wire() -> Iterator[NamespaceGuest]:
    """A veth pair between this namespace and the guest's, with addresses of both families."""
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE
    ) as far:
        try:
            assert far.stdout
            assert far.stdout.readline()
            guest = NamespaceGuest(far.pid)
            _ip("link", "add", INTERFACE, "type", "veth", "peer", "name", "eth0", "netns", str(far.pid))
            for family in (4, 6):
                size = {4: 24, 6: 64}[family]
                _ip("addr", "add", f"{HOST[family]}/{size}", "dev", INTERFACE, *_at_once(family))
                guest.run("ip", "addr", "add", f"{GUEST[family]}/{size}", "dev", "eth0", *_at_once(family))
            guest.run("ip", "link", "set", "eth0", "up")
            _ip("link", "set", INTERFACE, "up")
            yield guest
            _ip("link", "del", INTERFACE)  # the far namespace would take it away too, but later
        finally:
            far.kill()


def set_link(state: str) -> None:
    """Takes the host's end of the wire down, or up."""
    _ip("link", "set", INTERFACE, state)


def _at_once(family: int) -> list[str]:
    return ["nodad"] if family == 6 else []


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=_LIMIT)
