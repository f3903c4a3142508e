# SPDX-License-Identifier: Apache-2.0
"""A software TPM for one machine: swtpm on a folder of state, as QEMU's user where root starts it.

libvirt would start one too, but keeps the state in a folder of its own; an
image's state has to be kept, and copied for every run.
"""

import contextlib
import itertools
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import HarnessError
from harness.lab import libvirt_embed, qemu_user

_LIMIT_S = 60.0
_POLL_S = 0.02
_END_LIMIT_S = 10.0
_numbers = itertools.count(1)


def create(state: Path) -> None:
    """A new TPM 2.0 in the empty folder `state`, with endorsement keys. Raises HarnessError."""
    command = ["swtpm_setup", "--tpm2", "--tpmstate", str(state), "--createek"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except FileNotFoundError:
        raise HarnessError("swtpm_setup is missing: apt-get install swtpm-tools") from None
    except subprocess.TimeoutExpired:
        raise HarnessError(f"swtpm_setup did not end within {_LIMIT_S:.0f} s; try again") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise HarnessError("\n".join(["swtpm_setup cannot make a TPM:", *said[-10:]]))


@contextlib.contextmanager
def running(state: Path) -> Iterator[Path]:
    """The socket of a TPM with the state of `state`, for one start of a machine. Raises HarnessError.

    It works on a copy below the lab's embed root, so that its watchdog ends swtpm too. Where we are root it
    is QEMU's user, who can reach that. The state is brought back when it has ended.
    """
    folder = libvirt_embed.root() / f"tpm-{next(_numbers)}"
    shutil.copytree(state, folder)
    folder.chmod(0o700)
    for path in (folder, *folder.iterdir()):
        qemu_user.lend(path)
    socket = folder / "socket"
    command = ["swtpm", "socket", "--tpm2", "--terminate"]
    command += ["--tpmstate", f"dir={folder}", "--ctrl", f"type=unixio,path={socket}"]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **qemu_user.identity()
        )
    except FileNotFoundError:
        raise HarnessError("swtpm is missing: apt-get install swtpm") from None
    with process:
        try:
            _wait(process, socket)
            yield socket
        finally:
            _end(process)
            _bring_back(folder, state)
            shutil.rmtree(folder)


def _bring_back(folder: Path, state: Path) -> None:
    """The files of state. The folder belongs to swtpm, which may have left something else under a name."""
    for path in folder.glob("[!.]*"):
        if stat.S_ISREG(path.lstat().st_mode):
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                (state / path.name).write_bytes(file.read())


def _wait(process: "subprocess.Popen[str]", socket: Path) -> None:
    give_up = time.monotonic() + _LIMIT_S
    while not socket.exists():
        if process.poll() is not None:
            said = process.stderr.read().strip() if process.stderr else ""
            raise HarnessError(f"swtpm ended at once: {said}")
        if time.monotonic() > give_up:
            raise HarnessError(f"swtpm did not open {socket} within {_LIMIT_S:.0f} s; try again")
        time.sleep(_POLL_S)


def _end(process: "subprocess.Popen[str]") -> None:
    """It ends with its machine; SIGTERM, for one that never had any, lets it store its state too."""
    process.terminate()
    try:
        process.wait(_END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
