# SPDX-License-Identifier: Apache-2.0
"""A Windows that is Wine: a prefix of its own, whose service manager loads drivers, gone with its test.

Wine keeps its kernel (wineserver) and its service manager only while a program
runs: `Wine.session` holds one.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.core.paths import REPOSITORY

DRIVER = REPOSITORY / "build" / "guest_driver" / "wsktest.sys"
WSKCTL = REPOSITORY / "build" / "guest_driver" / "wskctl.exe"

WINE = "/usr/lib/wine/wine64"
_SERVER = "/usr/lib/wine/wineserver64"
# Nothing of a desktop: no browser, no .NET, no menus.
_OVERRIDES = "mscoree,mshtml=;winemenubuilder.exe=d;explorer.exe=d"
_LIMIT_S = 120


@dataclass(frozen=True)
class Wine:
    """A prefix; `c` is its drive C, `settings` are what Wine wants in its environment."""

    prefix: Path
    settings: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "DISPLAY"} | dict(self.settings)

    @property
    def c(self) -> Path:
        return self.prefix / "drive_c"

    def start(self, *command: str, **options: object) -> "subprocess.Popen[bytes]":
        """Starts a Windows program."""
        return subprocess.Popen([WINE, *command], env=self.environment, **options)  # type: ignore[call-overload,no-any-return]

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Runs one to its end, in a session that lasts.

        What it writes goes through files: Wine's own processes may have inherited its pipes, and stay.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with self.start(*command, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as program:
                try:
                    status = program.wait(_LIMIT_S)
                except BaseException:
                    program.kill()
                    raise
            said = [_text(file) for file in (out, err)]
        return subprocess.CompletedProcess(command, status, *said)

    def version(self) -> str:
        """The Windows that it says it is, as `ver` has it: 6.1.7601 for Wine 8, 10.0.19045 for Wine 10."""
        found = re.search(r"\d+\.\d+\.\d+", self.run("cmd", "/c", "ver").stdout)
        assert found
        return found[0]

    def wskctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs the control program that lies beside the driver in C:\\wsk."""
        return self.run(r"C:\wsk\wskctl.exe", *arguments)

    def kill(self) -> None:
        """Ends everything that runs in the prefix, hung drivers too, and waits for it."""
        subprocess.run([_SERVER, "-k"], env=self.environment, timeout=_LIMIT_S)
        subprocess.run([_SERVER, "-w"], env=self.environment, timeout=_LIMIT_S)

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """The service manager, and what it has loaded, stay while the block runs."""
        with self.start("cmd", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
            try:
                assert shell.stdout
                assert shell.stdout.read(1)  # its greeting: the rest of Wine runs too
                yield
            finally:
                self.kill()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace").replace("\r\n", "\n")


@contextlib.contextmanager
def wine(folder: Path) -> Iterator[Wine]:
    """A new prefix in `folder`, with our driver and control program in C:\\wsk."""
    settings = {
        "WINEPREFIX": str(folder / "prefix"),
        "WINEARCH": "win64",
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": _OVERRIDES,
        "WINESERVER": _SERVER,
    }
    made = Wine(folder / "prefix", settings)
    try:
        subprocess.run(
            [WINE, "wineboot", "-i"],
            env=made.environment,
            check=True,
            timeout=_LIMIT_S,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        subprocess.run([_SERVER, "-w"], env=made.environment, check=True, timeout=_LIMIT_S)
        (made.c / "wsk").mkdir()
        for file in (DRIVER, WSKCTL):
            shutil.copy(file, made.c / "wsk")
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder / "prefix", ignore_errors=True)
