# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance show` prints what it can read and refuses in a line what it cannot."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.core.abi import EventKind, abi
from harness.core.errors import UsageError
from harness.scenario import IPV4, Callback, Scenario, encode


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


def traced(*events: dict[str, int]) -> bytes:
    """A trace of these events, one microsecond apart."""
    encoded = b"".join(
        abi.wsktest_event(**{"sequence": number, "qpc": number, "step": abi.WSKTEST_NO_STEP, **event}).dumps()
        for number, event in enumerate(events)
    )
    size = abi.wsktest_trace.size
    header = abi.wsktest_trace(
        magic=abi.WSKTEST_TRACE_MAGIC,
        version=abi.WSKTEST_ABI_VERSION,
        header_size=size,
        total_size=size + len(encoded),
        event_count=len(events),
        event_size=abi.wsktest_event.size,
        events_offset=size,
        receive_offset=size + len(encoded),
        qpc_frequency=1_000_000,
    )
    return bytes(header.dumps() + encoded)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            {"kind": EventKind.CALLBACK_ENTER, "socket": 3, "information": 1000, "callback_flags": 8},
            "receive event of socket 3: callback enter: PASSIVE_LEVEL, AT_DISPATCH_LEVEL, 1000 bytes, CPU 0",
        ),
        (
            {"kind": EventKind.CALLBACK_LEAVE, "socket": 3, "status": 0x103, "information": 1000},
            "receive event of socket 3: callback leave: PASSIVE_LEVEL, STATUS_PENDING, 1000 bytes, CPU 0",
        ),
        (
            {"kind": EventKind.CALLBACK_ENTER, "socket": 1, "callback": Callback.ACCEPT, "flags": 4},
            "accept event of socket 1: callback enter: PASSIVE_LEVEL, no flags, nothing, CPU 0",
        ),
        (
            {"kind": EventKind.CALLBACK_LEAVE, "socket": 1, "callback": Callback.ACCEPT, "information": 2},
            "accept event of socket 1: callback leave: PASSIVE_LEVEL, STATUS_SUCCESS, into socket 2, CPU 0",
        ),
        (
            {"kind": EventKind.CALLBACK_LEAVE, "socket": 1, "callback": Callback.INSPECT, "status": 2},
            "inspect event of socket 1: callback leave: PASSIVE_LEVEL, pend, CPU 0",
        ),
        (
            {"kind": EventKind.CANCEL, "step": 4, "status": 1},
            "step 4: cancel: PASSIVE_LEVEL, IoCancelIrp returned TRUE, CPU 0",
        ),
        (
            {"kind": EventKind.STOPPED, "step": 4, "status": 0xC0000008},
            "step 4: stopped: PASSIVE_LEVEL, STATUS_INVALID_HANDLE, CPU 0",
        ),
        (
            {"kind": EventKind.SKIPPED, "step": 4, "status": 0x80000011},
            "step 4: skipped: PASSIVE_LEVEL, STATUS_DEVICE_BUSY, CPU 0",
        ),
        (
            {"kind": EventKind.CALL, "step": 40, "flags": 2},
            "recovery #40: call: PASSIVE_LEVEL, CPU 0",
        ),
    ],
)
def test_every_event_says_what_it_is_about_and_what_it_came_to(
    event: dict[str, int], words: str, tmp_path: Path
) -> None:
    _, line = show(tmp_path, traced(event)).splitlines()
    assert " ".join(line.split()[2:]) == words


@pytest.mark.parametrize("kind", EventKind)
def test_no_kind_of_event_has_the_number_of_no_step_for_a_name(kind: EventKind, tmp_path: Path) -> None:
    """Only callbacks are of no step; a trace that says otherwise, or names no known callback, is damaged."""
    of_callback = kind in (EventKind.CALLBACK_ENTER, EventKind.CALLBACK_LEAVE)
    damaged = {"callback": 99} if of_callback else {}
    with pytest.raises(UsageError, match="is about nothing that there is"):
        show(tmp_path, traced({"kind": kind, **damaged}))
    assert "4294967295" not in show(
        tmp_path, traced({"kind": kind, "step": abi.WSKTEST_NO_STEP if of_callback else 3})
    )
