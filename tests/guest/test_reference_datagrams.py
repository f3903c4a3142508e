# SPDX-License-Identifier: Apache-2.0
"""Control information of datagrams in the reference guest: by the driver's own word, and on the wire."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from labs import finish, start_lab
from reference_drivers import assert_all_checks_pass, build, build_loader

# The guest has two addresses of either family: one of them is not what it would choose.
_BODY = """
import json, socket, struct

IPV4, IPV6, UDP, FRAGMENT = b"\\x08\\x00", b"\\x86\\xdd", 17, 44
HOST = socket.inet_aton("10.8.0.1")

# The source, the traffic class, the fragment's word, the bytes behind UDP's header.
def of_ipv4(frame):
    word, = struct.unpack_from(">H", frame, 20)
    return socket.inet_ntoa(frame[26:30]), frame[15], word, frame[42:]

def of_ipv6(frame):
    traffic_class = (frame[14] & 15) << 4 | frame[15] >> 4
    return socket.inet_ntop(socket.AF_INET6, frame[22:38]), traffic_class, 0, frame[62:]

def datagram(frame):
    if frame[12:14] == IPV4 and frame[23] == UDP and frame[30:34] == HOST:
        return of_ipv4(frame)
    if frame[12:14] == IPV6 and frame[20] == UDP:
        return of_ipv6(frame)
    return None

def frames(sniffer):
    while True:
        try:
            yield sniffer.recv(65536)
        except TimeoutError:
            return

async def main():
    folder = Path(sys.argv[1])
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sniffer.bind((network.test_tap, 0))
    sniffer.settimeout(1)
    with Hypervisor() as hypervisor:
        guest = await started(hypervisor)
        for name in ("ntload", "control_info.sys"):
            await guest.connection.put(f"/tmp/{name}", (folder / name).read_bytes())
        done = await guest.connection.exec(
            "cd /tmp; chmod +x ntload; "
            f"nic=$(ip -o addr | grep {network.test_guest4}/ | awk '{{print $2}}'); "
            "echo 0 > /proc/sys/net/ipv6/conf/$nic/accept_dad; "
            "ip addr add 10.8.0.77/24 dev $nic; ip addr add fd00:8::77/64 dev $nic; "
            "./ntload control_info /tmp/control_info.sys; ./ntload control_info -; dmesg",
            limit=120,
        )
        (folder / "said").write_bytes(done.stdout)
        found = [one for one in map(datagram, frames(sniffer)) if one]
        (folder / "wire.json").write_text(json.dumps([[*of, bytes.decode("latin1")] for *of, bytes in found]))
        await guest.stop()
asyncio.run(main())
"""
_WHOLE, _MORE = 0x4000, 0x2000  # bits of IPv4's fragment word


class Seen(NamedTuple):
    """A datagram on the wire, or the first fragment of one."""

    source: str
    traffic_class: int
    fragment: int
    data: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`said` and `wire.json`, of one guest."""
    folder = tmp_path_factory.mktemp("control_info")
    build_loader(folder)
    build("control_info", folder)
    finish(start_lab(_BODY, folder))
    return folder


@pytest.fixture(scope="module")
def wire(folder: Path) -> dict[str, dict[str, Seen]]:
    """Family -> letter -> the datagram of that letter."""
    found: dict[str, dict[str, Seen]] = {"ipv4": {}, "ipv6": {}}
    for fields in json.loads((folder / "wire.json").read_text()):
        seen = Seen(*fields)
        found["ipv6" if ":" in seen.source else "ipv4"].setdefault(seen.data[:1], seen)
    return found


def test_datagrams_leave_and_come_with_control_information(folder: Path) -> None:
    """Both families, both levels, buffers that are not aligned, what has no room, refusals, events."""
    assert_all_checks_pass((folder / "said").read_text(errors="replace"), "control_info", 28)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_ecn_is_on_the_wire_of_the_datagram_that_was_to_have_it(
    wire: dict[str, dict[str, Seen]], family: str
) -> None:
    assert {letter: wire[family][letter].traffic_class for letter in "ABC"} == {"A": 0, "B": 2, "C": 0}


@pytest.mark.parametrize(
    ("family", "one", "other"), [("ipv4", "10.8.0.77", "10.8.0.2"), ("ipv6", "fd00:8::77", "fd00:8::2")]
)
def test_a_datagram_leaves_from_the_address_that_it_was_given(
    wire: dict[str, dict[str, Seen]], family: str, one: str, other: str
) -> None:
    assert wire[family]["D"].source == one
    assert wire[family]["L"].source == other


def test_a_datagram_of_ipv4_is_not_fragmented_when_it_or_its_socket_says_so(
    wire: dict[str, dict[str, Seen]],
) -> None:
    words = {letter: wire["ipv4"][letter].fragment for letter in "ACEGIJ"}
    assert words == {"A": 0, "C": _WHOLE, "E": _MORE, "G": _WHOLE, "I": _MORE, "J": _WHOLE}


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_what_must_not_be_fragmented_and_does_not_fit_does_not_leave(
    wire: dict[str, dict[str, Seen]], family: str
) -> None:
    assert not {"F", "H"} & wire[family].keys()
