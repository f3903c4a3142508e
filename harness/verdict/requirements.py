# SPDX-License-Identifier: Apache-2.0
"""The catalogue of requirements that the suites judge (suites/requirements.toml)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.core.paths import REQUIREMENTS


class RequirementClass(StrEnum):
    """The meaning of a deviation from a requirement."""

    REQUIRE = "REQUIRE"  # the documents say so: a deviation
    EXPECT = "EXPECT"  # shipped code relies on it: a deviation unless recorded otherwise
    TCP = "TCP"  # RFC 9293 or RFC 1122 says so
    RECORD = "RECORD"  # no document says: recorded, and compared with the baseline


@dataclass(frozen=True)
class Requirement:
    """One row: what the documents promise, in our words, and where they do.

    `source` names documents, with commas between them; `pages` has the address of each.
    """

    id: str
    statement: str
    source: str
    section: str
    requirement_class: RequirementClass
    provenance: str
    pages: tuple[str, ...] = ()


NOWHERE = "nowhere stated"

_PAGES = "pages"
_FIELDS = ("statement", "source", "section", "class", "provenance")


def load_requirements(path: Path = REQUIREMENTS) -> dict[str, Requirement]:
    """Reads the catalogue: rows by id, in the order of the file. Raises UsageError when it is not one."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the requirements in {path.name}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is not TOML: {error}") from None
    pages = rows.pop(_PAGES, {})
    return {name: _requirement(path, name, row, pages) for name, row in rows.items()}


def _requirement(path: Path, name: str, row: Any, pages: Mapping[str, str]) -> Requirement:
    where = f"{path.name}, {name}"
    if not isinstance(row, dict):
        raise UsageError(f"{where}: a requirement is a table")
    wrong = sorted(set(row) ^ set(_FIELDS))
    if wrong:
        raise UsageError(f"{where}: has or lacks {', '.join(wrong)}; a requirement has {', '.join(_FIELDS)}")
    empty = [field for field in _FIELDS if not isinstance(row[field], str) or not row[field].strip()]
    if empty:
        raise UsageError(f"{where}: {', '.join(empty)} must be a text")
    if row["class"] not in RequirementClass.__members__:
        raise UsageError(f"{where}: class {row['class']} is none of {', '.join(RequirementClass)}")
    sources = [] if row["source"] == NOWHERE else row["source"].split(", ")
    unknown = [source for source in sources if source not in pages]
    if unknown:
        raise UsageError(f"{where}: [{_PAGES}] has no address of {', '.join(unknown)}")
    return Requirement(
        id=name,
        statement=row["statement"],
        source=row["source"],
        section=row["section"],
        requirement_class=RequirementClass(row["class"]),
        provenance=row["provenance"],
        pages=tuple(pages[source] for source in sources),
    )
