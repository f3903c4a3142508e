# SPDX-License-Identifier: Apache-2.0
"""Why a kernel stopped: the code and its four parameters, and what they mean."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any, Self

PARAMETERS = 4

_TABLE = Path(__file__).with_name("bugchecks.toml")
_NUMBER = "0x([0-9A-Fa-f]{1,16})"
_STOP = re.compile(rf"\*\*\* STOP: {_NUMBER} \({','.join([_NUMBER] * PARAMETERS)}\)")


@dataclass(frozen=True)
class Bugcheck:
    """The code and parameters that KeBugCheckEx was given."""

    code: int
    parameters: tuple[int, ...]

    @classmethod
    def find(cls, text: str) -> Self | None:
        """The first that a kernel wrote into `text`, as Windows writes it on its screen; None for none."""
        found = _STOP.search(text)
        if not found:
            return None
        code, *parameters = (int(number, 16) for number in found.groups())
        return cls(code, tuple(parameters))

    @property
    def name(self) -> str:
        """The name in Microsoft's reference; "" for one that is not in our table."""
        return str(self._entry.get("name", ""))

    def __str__(self) -> str:
        """One line: "*** STOP: 0x000000D1 (0x...,0x...,0x...,0x...) DRIVER_IRQL_NOT_LESS_OR_EQUAL"."""
        given = ",".join(f"0x{parameter:016X}" for parameter in self.parameters)
        return f"*** STOP: 0x{self.code:08X} ({given}) {self.name}".rstrip()

    def explain(self) -> list[str]:
        """Lines for people: what it is, and each parameter with its meaning where it has a fixed one."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        meaning = self._entry.get("meaning", "not in this project's table; see Microsoft's reference")
        yield f"0x{self.code:08X} {self.name or 'unknown'}: {meaning}"
        meanings = self._entry.get("parameters", [])
        for number, parameter in enumerate(self.parameters):
            told = meanings[number] if number < len(meanings) else ""
            yield f"parameter {number + 1}: 0x{parameter:016X}{f', {told}' if told else ''}"

    @property
    def _entry(self) -> dict[str, Any]:
        return _table().get(self.code, {})


@once
def _table() -> dict[int, dict[str, Any]]:
    return {int(code, 16): entry for code, entry in tomllib.loads(_TABLE.read_text(encoding="utf-8")).items()}
