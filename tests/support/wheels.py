# SPDX-License-Identifier: Apache-2.0
"""The wheel of this repository, installed in a virtual environment of its own, far from the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from harness.core import cache
from harness.core.paths import REPOSITORY

_LIMIT_S = 300
_PARTS = ("guest_driver", "harness", "images", "suites")


@dataclass(frozen=True)
class Installed:
    """`folder` holds the environment, a cache, and the folder in which commands are run."""

    folder: Path

    def wskc(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        return subprocess.run(
            [str(self.folder / "venv" / "bin" / "wskc"), *arguments],
            cwd=self.folder / "elsewhere",
            env=environment | {"XDG_CACHE_HOME": str(self.folder / "cache")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )

    def python(self, code: str) -> str:
        """The output of the code, run there."""
        command = [str(self.folder / "venv" / "bin" / "python"), "-c", code]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=_LIMIT_S, check=True
        )
        return done.stdout.strip()


def install(folder: Path) -> Installed:
    """Build the wheel from a copy of the sources, and install it; what it depends on is that of these tests.

    Kernels and images that this user has already are not made again.
    """
    source = folder / "source"
    for part in _PARTS:
        shutil.copytree(REPOSITORY / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in REPOSITORY.iterdir():
        if path.is_file():
            shutil.copy(path, source)
    pip = [sys.executable, "-m", "pip", "-q"]
    alone = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    build = [*pip, "wheel", *alone, "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(build, check=True, timeout=_LIMIT_S)
    shutil.rmtree(source)
    (wheel,) = folder.glob("*.whl")

    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=_LIMIT_S)
    into = [*pip, "--python", str(venv / "bin" / "python"), "install", *alone, str(wheel)]
    subprocess.run(into, check=True, timeout=_LIMIT_S)
    (packages,) = venv.glob("lib/python*/site-packages")
    # A folder in a .pth file is searched last, and .pth files in it are not read: so not the checkout.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    (folder / "elsewhere").mkdir()
    (folder / "cache" / "wsk-conformance").mkdir(parents=True)
    (folder / "cache" / "wsk-conformance" / "reference").symlink_to(cache.folder("reference"))
    return Installed(folder)
