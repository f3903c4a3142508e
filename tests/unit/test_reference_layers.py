# SPDX-License-Identifier: Apache-2.0
"""The reference guest's provider is built in layers: its files use those below them and no others."""

import re
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
    uses: dict[str, set[str]] = {}
    for path in _MODULE.glob("*.[ch]"):
        uses.setdefault(path.stem, set()).update(set(_INCLUDE.findall(path.read_text())) - {path.stem})
    order = list(TopologicalSorter(uses).static_order())  # raises CycleError, which names the circle
    assert order.index("policy_close") < order.index("wsk_operation") < order.index("wsk_calls")


def test_only_the_policy_knows_which_behaviour_is_switched_on() -> None:
    knowing = {path.stem for path in _MODULE.glob("*.c") if '"switches.h"' in path.read_text()}
    assert "switches" in knowing
    assert all(name.startswith("policy_") for name in knowing - {"switches"})


def _defines(source: Path, name: str) -> bool:
    definition = re.compile(rf"^[\w *]*\b{name}\([^;]*\)\n{{", re.MULTILINE)
    return source.exists() and bool(definition.search(source.read_text()))
