# SPDX-License-Identifier: Apache-2.0
"""The faults and freedoms of the reference guest, from the tables that its module is built with."""

import re
from functools import cache

from harness.core.paths import REFERENCE_IMAGE
from harness.guest.base import Fault, Freedom

_MODULE = REFERENCE_IMAGE / "module"
_EVERYWHERE = "*"  # behind the rows of a fault
_STRING = r'"((?:[^"\\]|\\.)*)"'
_FAULT = re.compile(rf"^FAULT\(\w+,\s+{_STRING},\s+{_STRING},\s+{_STRING}\)", re.MULTILINE)
_FREEDOM = re.compile(rf"^FREEDOM\((\w+),\s+{_STRING},\s+{_STRING},\s+{_STRING},\s+{_STRING}\)", re.MULTILINE)
_PART = re.compile(r"^PART\((\w+), (\w+)\)", re.MULTILINE)


@cache
def faults() -> dict[str, Fault]:
    """The faults of faults.h, by name."""
    table = (_MODULE / "faults.h").read_text(encoding="utf-8")
    return {name: _fault(rows.split(), text) for name, rows, text in _FAULT.findall(table)}


def _fault(rows: list[str], text: str) -> Fault:
    named = tuple(row for row in rows if row != _EVERYWHERE)
    return Fault(named, text, everywhere=_EVERYWHERE in rows)


@cache
def freedoms() -> dict[str, Freedom]:
    """The freedoms of freedoms.h, by name."""
    table = (_MODULE / "freedoms.h").read_text(encoding="utf-8")
    found = _FREEDOM.findall(table)
    names = {identifier: name for identifier, name, *_ in found}
    parts: dict[str, list[str]] = {}
    for whole, part in _PART.findall(table):
        parts.setdefault(whole, []).append(names[part])
    return {
        name: Freedom(tuple(rows.split()), words, text, tuple(parts.get(identifier, ())))
        for identifier, name, rows, words, text in found
    }
