# SPDX-License-Identifier: Apache-2.0
"""One finding of whoever looks whether something is as it should be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """`remedy` says what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def lines(self) -> list[str]:
        """For people: the finding, and what to do where something is missing."""
        remedy = [f"        {self.remedy}"] if self.remedy and not self.ok else []
        return [f"{'ok     ' if self.ok else 'MISSING'} {self.name}: {self.detail}", *remedy]
