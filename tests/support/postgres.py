# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of one's own: in a folder, reached through a socket in it, gone afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_LIMIT = 180  # s, for each step
_USER = "postgres"  # of Debian's package; the server refuses to be root's


@contextmanager
def server() -> Iterator[Path]:
    """The folder of its socket, of Debian's package postgresql. Its user is `tester`."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="wsk-pg-", dir="/tmp"))  # short: a socket's path has 107 letters
    user = _USER if os.geteuid() == 0 else None
    try:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = folder / "data"
        with (folder / "log").open("w") as log:
            make: list[str | Path] = [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust"]
            make += ["-E", "UTF8", "--no-sync"]
            subprocess.run(make, user=user, cwd=folder, stdout=log, stderr=log, timeout=_LIMIT, check=True)
            serve: list[str | Path] = [programs / "postgres", "-D", data, "-k", folder, "-F"]
            serve += ["-c", "listen_addresses="]
            with subprocess.Popen(serve, user=user, cwd=folder, stdout=log, stderr=log) as process:
                try:
                    _wait_for(folder, process)
                    yield folder
                finally:
                    process.send_signal(signal.SIGINT)  # ends its connections, and itself
                    process.wait(_LIMIT)
    finally:
        shutil.rmtree(folder)


@contextmanager
def database(folder: Path, name: str) -> Iterator[str]:
    """The URL of an empty database of a server's."""
    with psycopg.connect(f"host={folder} user=tester dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        yield f"postgresql://tester@/{name}?host={folder}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _wait_for(folder: Path, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + _LIMIT
    while True:
        try:
            psycopg.connect(f"host={folder} user=tester dbname=postgres").close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > limit:
                raise AssertionError((folder / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return
