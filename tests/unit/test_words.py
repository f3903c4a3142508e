# SPDX-License-Identifier: Apache-2.0
"""Steps, events and statuses are told by the names that the documents give them."""

import re
from pathlib import Path

import pytest

from harness.core.abi import StepKind
from harness.core.ntstatus import NTSTATUS, STATUS_SUCCESS
from harness.core.paths import REPOSITORY
from harness.core.units import KiB
from harness.evidence import EventRow
from harness.scenario import (
    IPPROTO_TCP,
    IPV4,
    SIO_WSK_SET_TCP_SILENT_MODE,
    SO_KEEPALIVE,
    SOL_SOCKET,
    TCP_NODELAY,
    WSK_FLAG_DRAIN,
    WSK_FLAG_NODELAY,
    WSK_FLAG_WAITALL,
    Callback,
    Category,
    Operation,
    Scenario,
)
from harness.scenario.control import ControlRequest
from harness.scenario.values import WSK_EVENT_DISABLE
from harness.scenario.words import callback_flags, control, step_flags

MINGW = Path("/usr/share/mingw-w64/include/ntstatus.h")
DEFINED = re.compile(r"#define (STATUS_[A-Z0-9_]+)\s+\(?\(?(?:NTSTATUS\)\s*)?(0x[0-9A-Fa-f]+)")
HERE = ("STATUS_OK", "STATUS_NO_MEMORY_HERE", "STATUS_FAILED_HERE", "STATUS_BAD_REQUEST")  # wskctl's own


def told(operation: Operation) -> str:
    """The words for a step behind its name, without where it is made."""
    assert operation.control
    return operation.detail.removesuffix(", PASSIVE_LEVEL")


def test_a_control_says_what_it_does() -> None:
    plan = Scenario(own_client=True)
    sock = plan.socket(IPV4, category=Category.CONNECTION)
    both = plan.enable(sock, Callback.RECEIVE, Callback.DISCONNECT)
    kept, cache = plan.cache_descriptor(b"descriptor")
    assert [
        told(step)
        for step in (
            plan.enable(sock, Callback.DISCONNECT),
            plan.disable(sock, Callback.RECEIVE),
            both,
            plan.event_mask(sock, 0x400 | WSK_EVENT_DISABLE),
            plan.set_option(sock, SOL_SOCKET, SO_KEEPALIVE, b"\1\0\0\0"),
            plan.get_option(sock, IPPROTO_TCP, TCP_NODELAY, 4),
            plan.set_option(sock, 7, 0x99, bytes(9)),
            plan.ioctl(sock, SIO_WSK_SET_TCP_SILENT_MODE),
            plan.ioctl(sock, 0x1234),
            plan.conditional_accept(sock),
            plan.dual_mode(sock),
            plan.set_descriptor(sock, kept),
            plan.get_descriptor(sock)[1],
            cache,
            plan.release_descriptor(kept),
            plan.static_events(Callback.RECEIVE),
        )
    ] == [
        "enable disconnect event",
        "disable receive event",
        "enable receive and disconnect events",
        "disable 0x400 event",
        "set SO_KEEPALIVE to 1",
        "query TCP_NODELAY",
        "set option 0x99 of level 7 to 9 bytes",
        "set TCP silent mode",
        "I/O control 0x1234",
        "set SO_CONDITIONAL_ACCEPT to 1",
        "set IPV6_V6ONLY to 0",
        "set security descriptor 0",
        "query the security descriptor",
        "cache security descriptor 0",
        "release security descriptor 0",
        "on every socket: enable receive event",
    ]


def test_a_socket_says_with_which_security_descriptor_it_is_made() -> None:
    plan = Scenario()
    kept, _ = plan.cache_descriptor(b"descriptor")
    sock = plan.socket(IPV4, category=Category.CONNECTION, control=ControlRequest.using(kept))
    assert told(sock.creation) == "with security descriptor 0"


def test_no_control_of_the_suites_is_told_by_its_number() -> None:
    """Every control that a plan of the suites can ask for has a name; 0x is for those that nobody foresaw."""
    plan = Scenario()
    sock = plan.socket(IPV4, category=Category.LISTEN)
    for callback in (Callback.ACCEPT, Callback.RECEIVE, Callback.DISCONNECT, Callback.SEND_BACKLOG):
        for step in (plan.enable(sock, callback), plan.disable(sock, callback)):
            assert step.control
            assert "0x" not in control(step.kind, step.control)


@pytest.mark.parametrize(
    ("kind", "flags", "words"),
    [
        (StepKind.RECEIVE, WSK_FLAG_WAITALL, "WAITALL"),
        (StepKind.RECEIVE, WSK_FLAG_DRAIN, "DRAIN"),
        (StepKind.RECEIVE, WSK_FLAG_WAITALL | WSK_FLAG_DRAIN | 0x10, "WAITALL + DRAIN + 0x10"),
        (StepKind.SEND, WSK_FLAG_NODELAY, "NODELAY"),
        (StepKind.SEND, 0x1, "OOB"),
        (StepKind.BIND, 0x2, "0x2"),
        (StepKind.INSPECT_COMPLETE, 0, "reject"),
        (StepKind.INSPECT_COMPLETE, 1, "accept"),
        (StepKind.SEND, 0, ""),
    ],
)
def test_flags_of_a_call_have_names(kind: int, flags: int, words: str) -> None:
    assert step_flags(kind, flags) == words


@pytest.mark.parametrize(
    ("callback", "flags", "words"),
    [
        (Callback.RECEIVE, 0x8, "AT_DISPATCH_LEVEL"),
        (Callback.RECEIVE, 0xE, "RELEASE_ASAP + ENTIRE_MESSAGE + AT_DISPATCH_LEVEL"),
        (Callback.DISCONNECT, 0x9, "ABORTIVE + AT_DISPATCH_LEVEL"),
        (Callback.ACCEPT, 0x0, "no flags"),
        (Callback.ACCEPT, 0x4, "0x4"),
    ],
)
def test_flags_of_a_callback_have_names(callback: Callback, flags: int, words: str) -> None:
    assert callback_flags(callback, flags) == words


def test_a_receive_tells_its_flags_and_its_size() -> None:
    plan = Scenario()
    sock = plan.socket(IPV4, category=Category.CONNECTION)
    step = plan.receive(sock, 4 * KiB, flags=WSK_FLAG_WAITALL)
    assert str(step) == "receive #1 (WAITALL, 4096 bytes, PASSIVE_LEVEL)"


def test_a_callback_tells_what_it_was_given_and_what_it_took() -> None:
    name = {"label": "receive event of socket 0", "callback": int(Callback.RECEIVE), "irql": 2}
    enter = EventRow(0, 0, "callback enter", flags=8, information=100, **name)  # type: ignore[arg-type]
    leave = EventRow(0, 0, "callback leave", status=STATUS_SUCCESS, information=60, **name)  # type: ignore[arg-type]
    assert enter.facts == "DISPATCH_LEVEL, AT_DISPATCH_LEVEL, 100 bytes"
    assert leave.facts == "DISPATCH_LEVEL, STATUS_SUCCESS, 60 bytes"


def defined(folder: str) -> dict[str, int]:
    """The statuses that C code of ours defines for itself."""
    texts = [path.read_text() for path in (REPOSITORY / folder).rglob("*.[ch]")]
    return {name: int(value, 16) for text in texts for name, value in DEFINED.findall(text)}


@pytest.mark.parametrize("folder", ["guest_driver", "images/reference/module"])
def test_every_status_that_a_guest_of_ours_can_give_has_its_name(folder: str) -> None:
    for name, value in defined(folder).items():
        if name not in HERE:
            assert str(NTSTATUS(value)) == name


@pytest.mark.parametrize("value", [0xC0000207, 0xC0000225])
def test_statuses_that_were_numbers_are_named(value: int) -> None:
    assert str(NTSTATUS(value)).startswith("STATUS_")


@pytest.mark.skipif(not MINGW.exists(), reason="mingw-w64 is not installed")
def test_names_are_those_of_ntstatus_h() -> None:
    theirs = {name: int(value, 16) for name, value in DEFINED.findall(MINGW.read_text())}
    from harness.core import ntstatus

    ours = {name: value for name, value in vars(ntstatus).items() if name.startswith("STATUS_")}
    assert {name: int(value) for name, value in ours.items()} == {name: theirs[name] for name in ours}


def test_a_status_is_found_by_its_name_and_by_its_number() -> None:
    assert NTSTATUS.named("STATUS_SUCCESS") == STATUS_SUCCESS
    assert NTSTATUS.named("0xC0000207") == 0xC0000207
    assert NTSTATUS.named("splendid") is None
