# SPDX-License-Identifier: Apache-2.0
"""Connections of a capture for programs: the table of capture_text, with numbers as numbers."""

import json
from typing import Any

from harness.report.capture_text import ended
from harness.wire.connections import CapturedConnection, Connections

_SCHEMA = 1


def as_json(found: Connections, damage: str = "") -> str:
    """One object; `damage` says why it is not the whole capture. Pairs are of the opener and the other."""
    told = {
        "schema": _SCHEMA,
        "connections": [_connection(one) for one in found.table],
        "more_connections": found.is_full,
        "packets_of_more_connections": found.left_out,
        "frames_left_out": {str(why): count for why, count in found.asides.items() if count},
        "frames_of_other_interfaces": found.not_chosen,
        "copies_left_out": found.copies,
        "segments_again_at_once": found.at_once,
        "interfaces": [
            {"number": one.number, "name": one.name, "frames": count}
            for one, count in sorted(found.interfaces.items())
        ],
        "damage": damage or None,
    }
    return json.dumps(told, indent=1)


def _connection(one: CapturedConnection) -> dict[str, Any]:
    return {
        "number": one.number,
        "ends": [one.end(end) for end in one.ends],
        "packets": [one.packets[end] for end in one.ends],
        "bytes": [one.bytes[end] for end in one.ends],
        "first_ns": one.first_ns,
        "last_ns": one.last_ns,
        "lasts_ns": one.lasts_ns,
        "from_its_beginning": one.from_its_beginning,
        "ended": ended(one),
    }
