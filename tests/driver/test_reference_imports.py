# SPDX-License-Identifier: Apache-2.0
"""The reference guest serves what its page lists, and no more."""

import re

from harness.core.paths import REPOSITORY

_PAGE = REPOSITORY / "docs" / "reference-guest.md"
_MODULE = REPOSITORY / "images" / "reference" / "module"


def served() -> set[str]:
    sources = "".join(path.read_text() for path in _MODULE.glob("*.c"))
    return {a or b for a, b in re.findall(r'NT_(?:EXPORT(?:_AS)?|GUARDED)\((?:"([^"]+)"|(\w+))', sources)}


def test_the_page_lists_what_is_served() -> None:
    _, _, section = _PAGE.read_text().partition("## What a driver may import")
    assert set(re.findall(r"`(\w+)`", section)) == served()


def test_every_table_of_exports_is_searched() -> None:
    sources = "".join(path.read_text() for path in _MODULE.glob("*.c"))
    tables = set(re.findall(r"const struct nt_export (\w+)\[\]", sources))
    _, _, searched = (_MODULE / "pe.c").read_text().partition("const tables[] = {")
    assert tables == set(re.findall(r"\w+_exports", searched.partition("}")[0]))
