# SPDX-License-Identifier: Apache-2.0
"""The templates of this folder, and the filter that they use."""

from functools import cache

from jinja2 import Environment

from harness.core.units import format_ns
from harness.report.templates import templates


@cache
def environment() -> Environment:
    made = templates("harness.history.pages")
    made.filters["ns"] = lambda nanoseconds: format_ns(round(nanoseconds))
    return made
