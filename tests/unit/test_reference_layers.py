# SPDX-License-Identifier: Apache-2.0
"""The reference guest's module is built in layers: its files use those below them and no others."""

import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from harness.core.paths import REFERENCE_IMAGE

_MODULE = REFERENCE_IMAGE / "module"
_HEADERS = [*_MODULE.glob("wsk_*.h"), *_MODULE.glob("policy*.h"), _MODULE / "switches.h"]
_INCLUDE = re.compile(r'^#include "(\w+)\.h"', re.MULTILINE)
_DECLARED = re.compile(r"^[a-z][\w ]*[ *](?:MS )?(\w+)\([^;{}]*\);", re.MULTILINE | re.IGNORECASE)


def test_a_header_declares_what_its_own_file_defines() -> None:
    declared = [(header, name) for header in _HEADERS for name in _DECLARED.findall(header.read_text())]
    assert ("wsk_calls.h", "WskDisconnect") in [(header.name, name) for header, name in declared]
    assert not [
        f"{header.name}: {name}" for header, name in declared if not _defines(header.with_suffix(".c"), name)
    ]


def test_no_file_uses_one_that_uses_it() -> None:
    """By include, or by a call of what the one header of the NT personality declares for all its files."""
    uses: dict[str, set[str]] = {}
    for path in _MODULE.glob("*.[ch]"):
        used = {*_INCLUDE.findall(path.read_text()), *_personality_used_by(path)}
        uses.setdefault(path.stem, set()).update(used - {path.stem})
    order = list(TopologicalSorter(uses).static_order())  # raises CycleError, which names the circle
    assert order.index("policy_close") < order.index("wsk_operation") < order.index("wsk_calls")
    assert order.index("ke_time") < order.index("ke") < order.index("ke_lock")


def _personality_used_by(path: Path) -> set[str]:
    if path.suffix == ".h":
        return set()
    text = path.read_text()
    return {owner for name, owner in _personality().items() if re.search(rf"\b{name}\(", text)}


@cache
def _personality() -> dict[str, str]:
    """The functions of the NT personality's header, each with the file that defines it."""
    sources = {source.stem: source.read_text() for source in _MODULE.glob("*.c")}
    names = _DECLARED.findall((_MODULE / "ntlab_internal.h").read_text())
    defined = {name: [stem for stem, text in sources.items() if _defined(text, name)] for name in names}
    assert len(defined) > 50
    assert {name: stems for name, stems in defined.items() if len(stems) != 1} == {}
    return {name: stem for name, (stem,) in defined.items()}


def test_only_the_policy_knows_which_behaviour_is_switched_on() -> None:
    knowing = {path.stem for path in _MODULE.glob("*.c") if '"switches.h"' in path.read_text()}
    assert "switches" in knowing
    assert all(name.startswith("policy_") for name in knowing - {"switches"})


def _defines(source: Path, name: str) -> bool:
    return source.exists() and _defined(source.read_text(), name)


def _defined(text: str, name: str) -> bool:
    return bool(re.search(rf"^[\w *]*\b{name}\([^;]*\)\n{{", text, re.MULTILINE))
