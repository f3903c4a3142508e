# SPDX-License-Identifier: Apache-2.0
"""How the templates of this folder are filled in: everything is escaped, nothing may be missing."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.units import format_ns


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("harness.history.pages", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["ns"] = lambda nanoseconds: format_ns(round(nanoseconds))
    return made
