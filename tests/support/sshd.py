# SPDX-License-Identifier: Apache-2.0
"""A real OpenSSH server on a port of loopback, with keys and a password of its own, gone with its test."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.guest.ssh import Login

HOST = "127.0.0.1"
PASSWORD = "not-a-secret"
_LIMIT_S = 30.0

_CONFIG = """\
ListenAddress {host}:{port}
HostKey {folder}/host_{kind}
PidFile none
AuthorizedKeysFile {folder}/login_key.pub
StrictModes no
UsePAM no
KbdInteractiveAuthentication no
PasswordAuthentication yes
PermitRootLogin yes
Subsystem sftp internal-sftp -d {folder}
{more}
"""
# Root's server asks /etc/shadow, and a folder of /run: both are this server's own.
_ROOTS_OWN = ["unshare", "--mount", "sh", "-c"]
_PREPARE = 'mount --bind "$0/shadow" /etc/shadow && mount -t tmpfs none /run && mkdir /run/sshd && exec "$@"'


@dataclass(frozen=True)
class Server:
    """`folder` is where SFTP begins; `login` is the one that is let in."""

    folder: Path
    port: int
    login: Login


@contextlib.contextmanager
def sshd(folder: Path, kind: str = "ed25519", more: str = "") -> Iterator[Server]:
    """Serves while the block runs; `kind` is the host key's, `more` goes into its configuration."""
    for name, type in ((f"host_{kind}", kind), ("login_key", "ed25519")):
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", type, "-f", folder / name], check=True)
    port = _free_port()
    config = folder / "config"
    config.write_text(_CONFIG.format(host=HOST, port=port, folder=folder, kind=kind, more=more))
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
    if os.getuid() == 0:
        hash = subprocess.check_output(["openssl", "passwd", "-6", PASSWORD], text=True).strip()
        (folder / "shadow").write_text(f"root:{hash}:19000:0:99999:7:::\nsshd:!:19000::::::\n")
        command = [*_ROOTS_OWN, _PREPARE, str(folder), *command]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(port, server, folder / "log")
        host_key = (folder / f"host_{kind}.pub").read_text()
        user = os.environ.get("USER", "root") if os.getuid() else "root"
        yield Server(folder, port, Login(user, host_key, key=folder / "login_key"))
    finally:
        server.kill()
        server.wait(_LIMIT_S)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + _LIMIT_S
    while time.monotonic() < give_up and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"sshd does not listen: {log.read_text()}")
