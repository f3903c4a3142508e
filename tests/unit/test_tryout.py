# SPDX-License-Identifier: Apache-2.0
"""What `try-driver` takes from its user, and what it makes of a trace of calls."""

import struct
from pathlib import Path

import pytest

from harness.core.errors import EvidenceLost, UsageError
from harness.core.paths import BUILT_DRIVER
from harness.tryout.call_trace import (
    CALL,
    CALLBACK_LEAVE,
    COMPLETION,
    RECORD,
    RETURN,
    CallTrace,
)
from harness.tryout.driver_file import DriverFile
from harness.tryout.peers import find_peer
from harness.tryout.request import Ioctl, TryoutRequest
from harness.tryout.story import DriverStory, summary

PENDING, SUCCESS = 0x103, 0
ACCEPT_EVENT = 0x200
SOCKET, OTHER, IRP = 0xFFFF0001, 0xFFFF0002, 0xAA00
# Of enum wsk_trace_function.
WSK_SOCKET, CLOSE, SEND, DISCONNECT = 1, 8, 15, 17


def record(sequence: int, kind: int, function: int = 0, **fields: int) -> bytes:
    """As struct wsk_trace_event lies in memory."""
    packed = struct.pack(
        "<7Q3IHBBII",
        sequence,
        sequence * 100,
        0,
        fields.get("object", SOCKET),
        fields.get("irp", 0),
        fields.get("information", 0),
        0,
        fields.get("status", 0),
        fields.get("flags", 0),
        fields.get("thread", 1),
        function,
        kind,
        fields.get("irql", 0),
        0,
        fields.get("offset", 0),
    )
    assert len(packed) == RECORD
    return packed


def made(first: int = 1) -> bytes:
    """A WskSocket call that pends and completes with SOCKET."""
    return (
        record(first, CALL, WSK_SOCKET, object=1, irp=IRP)
        + record(first + 1, RETURN, WSK_SOCKET, object=1, irp=IRP, status=PENDING)
        + record(first + 2, COMPLETION, irp=IRP, information=SOCKET, irql=2)
    )


def story(stream: bytes, serial: str = "") -> DriverStory:
    return DriverStory(CallTrace.of(stream, serial))


def test_a_completion_belongs_to_the_call_that_was_given_its_irp() -> None:
    told = story(made() + record(4, CALL, SEND, irp=IRP, information=100) + record(5, COMPLETION, irp=IRP))
    assert [one.label for one in told.events][2:] == ["WskSocket #1", "WskSend #2", "WskSend #2"]
    assert told.events[3].detail == "socket 1, 100 bytes"


def test_what_is_not_completed_is_pending_and_what_is_not_closed_is_open() -> None:
    told = story(
        made() + record(4, CALL, DISCONNECT, irp=IRP) + record(5, RETURN, DISCONNECT, status=PENDING)
    )
    assert told.pending == ["WskDisconnect #2 (socket 1, graceful)"]
    assert told.open_sockets == ["socket 1, of WskSocket #1"]
    assert told.unreturned == []


def test_a_call_that_has_not_come_back_is_told() -> None:
    told = story(made() + record(4, CALL, CLOSE, irp=IRP))
    assert told.unreturned == ["WskCloseSocket #2 (socket 1)"]
    assert told.open_sockets == []


def test_a_socket_that_an_accept_event_took_is_the_drivers_to_close() -> None:
    told = story(record(1, CALLBACK_LEAVE, ACCEPT_EVENT, information=OTHER))
    assert told.open_sockets == ["socket 1, of an accept event"]


def test_an_irp_that_completes_twice_is_noticed() -> None:
    told = story(made() + record(4, COMPLETION, irp=IRP, information=SOCKET))
    assert told.completed_twice == ["WskSocket #1"]


def test_the_last_events_come_over_the_serial_port_when_the_guest_crashes() -> None:
    serial = "[  1.0] ntlab: wsk 4 190 0 ffff0001 aa00 0 0 0 1 1 11 1 2 1 1234\n"
    told = story(made(), serial)
    assert told.trace.lost == 0
    assert told.pending == ["WskDisconnect #2 (socket 1, abortive) from +0x1234"]


def test_a_gap_in_the_sequence_is_lost_and_an_event_told_twice_counts_once() -> None:
    assert CallTrace.of(record(1, CALL) + record(4, CALL) + record(4, CALL), "").lost == 2


def test_a_record_of_no_known_kind_is_refused_and_half_of_one_is_left_out() -> None:
    with pytest.raises(EvidenceLost, match="record of kind 9"):
        CallTrace.of(record(1, 9), "")
    assert len(CallTrace.of(record(1, CALL) + bytes(RECORD - 1), "").events) == 1


def test_the_summary_counts_statuses_by_level() -> None:
    assert summary(story(made())) == [
        "WskSocket: completion STATUS_SUCCESS at DISPATCH_LEVEL (1)",
        "WskSocket: return STATUS_PENDING at PASSIVE_LEVEL (1)",
    ]


def test_an_ioctl_has_the_peers_address_where_it_is_asked_for() -> None:
    ioctl = Ioctl.parse("Echo:0x222000:01{peer}:16")
    assert ioctl.command(("10.8.0.1", 10007)) == (
        "ntdriver ioctl Echo 0x222000 0102002717" + "0a080001" + "00" * 8 + " 16"
    )
    assert Ioctl.parse("Echo:5").command(("10.8.0.1", 1)) == "ntdriver ioctl Echo 0x5 - 0"


@pytest.mark.parametrize(
    "text",
    ["", "x", "x:", "x:y", "x:1:123", "x:1:zz", "x:1::-1", "x:1:::", "a b:1", "x:0x1ffffffff"],
)
def test_an_ioctl_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="DEVICE:CODE"):
        Ioctl.parse(text)


def test_a_control_that_the_guest_cannot_make_is_refused() -> None:
    with pytest.raises(UsageError, match="METHOD_NEITHER"):
        Ioctl.parse("Echo:0x222003")


def test_the_peers_address_wants_a_peer() -> None:
    driver = DriverFile.read(BUILT_DRIVER / "wsktest.sys")
    with pytest.raises(UsageError, match="wants a --peer"):
        TryoutRequest(driver, 0, (Ioctl.parse("Echo:0x222000:{peer}"),))


def test_a_time_that_is_no_number_is_refused() -> None:
    driver = DriverFile.read(BUILT_DRIVER / "wsktest.sys")
    with pytest.raises(UsageError, match="--seconds"):
        TryoutRequest(driver, float("nan"))


def test_a_peer_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="there are: reads-to-eof, zero-window"):
        find_peer("nobody")


def test_a_driver_says_what_it_imports() -> None:
    driver = DriverFile.read(BUILT_DRIVER / "wsktest.sys")
    assert "NETIO.SYS!WskRegister" in driver.imports
    assert driver.service == "wsktest"


def test_what_is_no_driver_is_refused_before_a_guest_is_started(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="subsystem is not native"):
        DriverFile.read(BUILT_DRIVER / "wskctl.exe")
    with pytest.raises(UsageError, match="cannot read"):
        DriverFile.read(tmp_path / "none.sys")
    for content in (b"", b"MZ", b"#!/bin/sh\n", (BUILT_DRIVER / "wsktest.sys").read_bytes()[:300]):
        (tmp_path / "no.sys").write_bytes(content)
        with pytest.raises(UsageError, match=r"no\.sys"):
            DriverFile.read(tmp_path / "no.sys")


def test_a_driver_for_another_machine_is_named(tmp_path: Path) -> None:
    image = bytearray((BUILT_DRIVER / "wsktest.sys").read_bytes())
    header = struct.unpack_from("<I", image, 0x3C)[0]
    struct.pack_into("<H", image, header + 4, 0xAA64)
    (tmp_path / "arm.sys").write_bytes(image)
    with pytest.raises(UsageError, match="built for ARM64"):
        DriverFile.read(tmp_path / "arm.sys")
