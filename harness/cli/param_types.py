# SPDX-License-Identifier: Apache-2.0
"""Types of options and arguments, for click: they refuse values that its own take."""

import math
from pathlib import Path
from typing import Any

import click


class FilePath(click.Path):
    """The path of a file or folder. An empty word, which an unset variable leaves, would be this folder."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(path_type=Path, **limits)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuses an empty word."""
        if not str(value).strip():
            self.fail("the name is empty", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A number within limits, and never `nan`, which click lets through any of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuses `nan`."""
        if math.isnan(found := super().convert(value, param, ctx)):
            self.fail(f"{value} is no number", param, ctx)
        return found
