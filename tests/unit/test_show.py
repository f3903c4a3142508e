# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance show` prints what it can read and refuses in a line what it cannot."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.core.errors import UsageError
from harness.scenario import IPV4, Scenario, encode


def scenario() -> bytes:
    plan = Scenario(scenario_id=7)
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    plan.close(sock)
    return encode(plan)


def show(tmp_path: Path, data: bytes) -> str:
    file = tmp_path / "file"
    file.write_bytes(data)
    result = CliRunner().invoke(cli, ["show", str(file)], catch_exceptions=False)
    return result.output


def test_a_scenario_is_shown_step_by_step(tmp_path: Path) -> None:
    assert show(tmp_path, scenario()).splitlines() == [
        "scenario 0x7, 3 steps",
        "socket 0 (ipv4): socket #0 (PASSIVE_LEVEL)",
        "wait #1 (for socket #0, at most 5 s)",
        "socket 0 (ipv4): close #2 (PASSIVE_LEVEL)",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "neither a scenario nor a trace"),
        (b"PK\3\4 an archive", "neither a scenario nor a trace"),
        (scenario()[:40], "truncated"),
        (scenario()[:-1], "truncated"),
        (scenario()[:4] + b"\x09\x00" + scenario()[6:], "version 9"),
        (b"WSKT" + bytes(3), "truncated"),
    ],
)
def test_what_cannot_be_read_is_a_line(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        show(tmp_path, data)


def test_a_file_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        CliRunner().invoke(cli, ["show", str(tmp_path / "none")], catch_exceptions=False)
