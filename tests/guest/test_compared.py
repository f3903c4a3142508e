# SPDX-License-Identifier: Apache-2.0
"""Two runs that differ, compared."""

import re
from pathlib import Path

import conformance
from click.testing import CliRunner, Result

from harness.cli.main import cli


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)], catch_exceptions=False)


def test_a_fault_of_the_reference_guest_is_found(tmp_path: Path) -> None:
    name = "suites/disconnect/test_graceful.py::test_graceful_disconnect_ends_the_connection[ipv4-wsk-socket]"
    good = conformance.run(tmp_path / "good", name)
    bad = conformance.run(tmp_path / "bad", name, "--fault", "rst-on-graceful")
    result = invoke(good.folder, bad.folder)
    assert result.exit_code == 1
    assert "fault rst-on-graceful" in result.output
    assert re.search(r"^D-01  .*\n +outcome: pass → deviation\n", result.output, re.MULTILINE)
    assert invoke(good.folder, good.folder).exit_code == 0
