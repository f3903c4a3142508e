# SPDX-License-Identifier: Apache-2.0
"""The driver's wsk.h and the reference guest's wsk_types.h, each for its own compiler, agree."""

import re
import subprocess
from pathlib import Path

from harness.core.paths import REPOSITORY

DRIVERS = (REPOSITORY / "guest_driver" / "include" / "wsk.h").read_text()
GUESTS = (REPOSITORY / "images" / "reference" / "module" / "wsk_types.h").read_text()
POINTER = 8

# The driver's structure and the guest's, then their members.
SAME = {
    ("WSK_SOCKADDR_IN6", "wsk_sockaddr"): {
        "sin6_port": "port",
        "sin6_flowinfo": "ipv6.flowinfo",
        "sin6_addr": "ipv6.address",
        "sin6_scope_id": "ipv6.scope",
    },
    ("WSK_BUF", "wsk_buf"): {"Mdl": "mdl", "Offset": "offset", "Length": "length"},
    ("WSK_DATAGRAM_INDICATION", "wsk_data_indication"): {
        "Next": "next",
        "Buffer": "buffer",
        "ControlInfo": "control",
        "ControlInfoLength": "control_length",
        "RemoteAddress": "remote",
    },
    ("WSK_INSPECT_ID", "wsk_inspect_id"): {"Key": "key", "SerialNumber": "serial"},
    ("WSK_EVENT_CALLBACK_CONTROL", "wsk_event_control"): {"NpiId": "npi", "EventMask": "mask"},
    ("WSK_CLIENT_DISPATCH", "wsk_client_dispatch"): {"Version": "version", "WskClientEvent": "client_event"},
    ("WSK_CLIENT_NPI", "wsk_client_npi"): {"ClientContext": "context", "Dispatch": "dispatch"},
    ("WSK_CLIENT_CONNECTION_DISPATCH", "wsk_client_connection"): {
        "WskReceiveEvent": "receive",
        "WskDisconnectEvent": "disconnect",
        "WskSendBacklogEvent": "send_backlog",
    },
    ("WSK_CLIENT_LISTEN_DISPATCH", "wsk_client_listen"): {
        "WskAcceptEvent": "accept",
        "WskInspectEvent": "inspect",
        "WskAbortEvent": "abort",
    },
    ("WSK_CLIENT_STREAM_DISPATCH", "wsk_client_stream"): {"Listen": "listen", "Connect": "connection"},
}
KERNEL = """
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;
typedef int32_t NTSTATUS, s32;
#define MS
struct mdl;
"""


def layout(name: str) -> tuple[int, dict[str, int]]:
    """Size and offsets that the assertions of wsk.h hold a structure to."""
    (size,) = re.findall(rf"^WSK_SIZE\({name}, (\d+)\)", DRIVERS, re.MULTILINE)
    places = re.findall(rf"^WSK_(AT|PLACE)\({name}, (\w+), (\d+)\)", DRIVERS, re.MULTILINE)
    return int(size), {member: int(at) * (POINTER if unit == "PLACE" else 1) for unit, member, at in places}


def test_both_headers_have_the_same_layouts(tmp_path: Path) -> None:
    claims = []
    for (drivers, guests), members in SAME.items():
        size, offsets = layout(drivers)
        claims.append(f"static_assert(sizeof(struct {guests}) == {size});")
        claims += [
            f"static_assert(offsetof(struct {guests}, {guest}) == {offsets[driver]});"
            for driver, guest in members.items()
        ]
    source = tmp_path / "layouts.c"
    types = re.sub(r"^static_assert.*$", "", GUESTS.replace('#include "nt.h"', ""), flags=re.MULTILINE)
    source.write_text("\n".join([KERNEL, types, *claims]))
    done = subprocess.run(
        ["gcc", "-std=gnu2x", "-fsyntax-only", source],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(claims) > 30


def test_what_both_headers_number_has_the_same_number() -> None:
    drivers, guests = numbers(DRIVERS), numbers(GUESTS)
    shared = drivers.keys() & guests.keys()
    assert len(shared) >= 15
    assert {name: drivers[name] for name in shared} == {name: guests[name] for name in shared}


def numbers(header: str) -> dict[str, int]:
    found = re.findall(r"^#define (\w+) (0x[0-9a-f]+|\d+)u?(?:\s|$)", header, re.MULTILINE)
    return {name: int(value, 0) for name, value in found}
