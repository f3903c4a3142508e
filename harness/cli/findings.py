# SPDX-License-Identifier: Apache-2.0
"""How the commands that check something print what they found."""

from typing import TYPE_CHECKING

import click

from harness.core.printable import printable

if TYPE_CHECKING:
    from harness.core.check import Check


def tell(check: "Check") -> None:
    """A line, and one more with what to do where something is missing."""
    for line in check.lines():
        click.echo(printable(line))
