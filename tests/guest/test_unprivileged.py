# SPDX-License-Identifier: Apache-2.0
"""A run needs no root where /dev/net/tun and user namespaces are open to everybody."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import conformance
import pytest

from harness.core import cache
from harness.core.paths import REPOSITORY

UID = 65534
CASES = ("suites/disconnect/test_graceful.py", "suites/close/test_connection.py")
# A /dev/net/tun as ordinary distributions have it, for this process and its children alone.
AS_NOBODY = (
    "mount -t tmpfs tmpfs /dev/net && mknod -m 0666 /dev/net/tun c 10 200 && "
    f'exec setpriv --reuid={UID} --regid={UID} --clear-groups --no-new-privs "$@"'
)


REACHABLE = all(folder.stat().st_mode & 0o005 == 0o005 for folder in (REPOSITORY, *REPOSITORY.parents))


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of that user's, and not under pytest's own: each pytest that begins shuts that to others."""
    with tempfile.TemporaryDirectory(prefix="nobody-", ignore_cleanup_errors=True) as folder:
        os.chown(folder, UID, UID)
        yield Path(folder)


@pytest.mark.skipif(not REACHABLE, reason="other users cannot enter the folder of this checkout")
@pytest.mark.skipif(os.getuid() != 0, reason="the other tests run without root already")
def test_without_root_the_outcomes_are_the_same(home: Path) -> None:
    # The image comes along: this process may have left the network that the kernel is fetched from.
    shutil.copytree(cache.folder("reference"), home / "cache" / "wsk-conformance" / "reference")
    subprocess.run(["chown", "-R", f"{UID}:{UID}", home], check=True)
    command = [str(conformance.BIN / "wsk-conformance"), "run", *CASES, "-q"]
    command += ["--results", str(home / "results")]
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", AS_NOBODY, "sh", *command],
        cwd=REPOSITORY,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(home / "cache")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    result = conformance.Ran(ran.returncode, ran.stdout + ran.stderr, home / "results")
    assert result.status == 0, result.output
    assert {case["outcome"] for case in result.record["cases"]} <= {"pass", "recorded"}
