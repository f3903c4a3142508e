# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/verdicts.md, made of the reference guest's own. Run as a script it writes them there."""

import re
from collections.abc import Iterator

from harness.core.paths import REPOSITORY
from harness.guest import switches
from harness.verdict.laws import LAWS

PAGE = REPOSITORY / "docs" / "verdicts.md"
_TABLE = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def written(page: str) -> str:
    """The page with its tables as they have to be."""
    tables = {"faults": _faults, "freedoms": _freedoms, "laws": _laws}
    return _TABLE.sub(
        lambda found: "\n".join([f"<!-- {found[1]} -->", *tables[found[1]](), "<!-- end -->"]), page
    )


def _faults() -> Iterator[str]:
    yield from ("| fault | what it does | rows that notice |", "|---|---|---|")
    for name, fault in switches.faults().items():
        others = ", and any other" if fault.everywhere else ""
        yield f"| `{name}` | {fault.text} | {' '.join(fault.rows)}{others} |"


def _laws() -> Iterator[str]:
    yield from ("| law | what holds for every scenario |", "|---|---|")
    for law in LAWS:
        yield f"| `{law.name}` | {law.sentence} |"


def _freedoms() -> Iterator[str]:
    yield from ("| freedom | what it does | what leaves it open | rows |", "|---|---|---|---|")
    for name, freedom in switches.freedoms().items():
        parts = f": {', '.join(f'`{part}`' for part in freedom.parts)}" if freedom.parts else ""
        yield f"| `{name}` | {freedom.text}{parts} | {freedom.words} | {' '.join(freedom.rows)} |"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
