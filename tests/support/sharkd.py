# SPDX-License-Identifier: Apache-2.0
"""Wireshark's dissectors, asked about some captures by one process: tshark starts for each."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from frames import pcap

_FIELDS = ("tcp.stream", "tcp.seq", "tcp.ack", "tcp.len", "tcp.flags", "frame.time_epoch")
_ACK = 0x10
_AT_ONCE = 30  # files: it keeps some 12 MiB of each that it has loaded
_LOAD, _FIRST = 1, 2  # ids of requests: they must be positive


class Dissected(NamedTuple):
    """A frame as Wireshark sees it; `stream` is None without TCP."""

    time_ns: int | None
    stream: int | None = None
    seq: int = 0
    ack: int | None = None
    length: int | None = None
    flags: int = 0


def dissected(files: Sequence[Path], folder: Path) -> list[list[Dissected]]:
    """The frames of each file; none of one that cannot be opened, and those before the damage of one."""
    nothing = folder / "nothing.pcap"  # what stays loaded when a file cannot be opened
    nothing.write_bytes(pcap([]))
    parts = (files[at : at + _AT_ONCE] for at in range(0, len(files), _AT_ONCE))
    return [frames for part in parts for frames in _by_one_process(part, nothing)]


def _by_one_process(files: Sequence[Path], nothing: Path) -> list[list[Dissected]]:
    asked = [
        request
        for number, file in enumerate(files)
        for request in (
            _request("load", _LOAD, file=str(nothing)),
            _request("load", _LOAD, file=str(file)),
            _request(
                "frames", _FIRST + number, **{f"column{n}": f"{name}:1" for n, name in enumerate(_FIELDS)}
            ),
        )
    ]
    ran = subprocess.run(
        ["sharkd", "-"], input="".join(asked), capture_output=True, text=True, timeout=600, check=True
    )
    answers = {answer["id"]: answer.get("result", []) for answer in map(json.loads, ran.stdout.splitlines())}
    return [[_frame(row["c"]) for row in answers[_FIRST + number]] for number in range(len(files))]


def _request(method: str, number: int, **params: str) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n"


def _frame(columns: Sequence[str]) -> Dissected:
    stream, seq, ack, length, flags, time = columns
    second, _, fraction = time.partition(".")
    time_ns = int(second) * 10**9 + int(fraction.ljust(9, "0")) if time else None
    if not stream or not flags:  # or one of whose header so little was kept
        return Dissected(time_ns)
    bits = int(flags, 16) & 0xFF
    acked = int(ack) if bits & _ACK else None
    return Dissected(time_ns, int(stream), int(seq), acked, int(length) if length else None, bits)
