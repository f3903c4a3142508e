# SPDX-License-Identifier: Apache-2.0
"""The programs that build the image."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.core.errors import HarnessError

_LIMIT_S = 600


def find_tool(name: str) -> str | None:
    """Its path; system programs are found for ordinary users too."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def run(command: Sequence[str], cwd: Path | None = None, stdin: bytes = b"") -> bytes:
    """Standard output of a command. Raises HarnessError with the last lines it wrote when it fails."""
    program = find_tool(command[0]) or command[0]
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=cwd,
            input=stdin,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HarnessError(f"cannot run {command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        raise HarnessError("\n".join([f"{' '.join(command[:4])} failed:", *said[-30:]]))
    return done.stdout
