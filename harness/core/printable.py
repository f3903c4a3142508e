# SPDX-License-Identifier: Apache-2.0
"""Makes text of guests and files harmless for a terminal, for XML and for Markdown: at the border, once."""

from typing import Any


def printable(text: str) -> str:
    """The text without characters that could move the cursor or change the terminal; ends of lines stay."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}"
        for letter in text.replace("\r\n", "\n").replace("\t", " ")
    )


def all_printable(told: Any) -> Any:
    """The same for every text in what was read from JSON or TOML, keys and all."""
    if isinstance(told, str):
        return printable(told)
    if isinstance(told, list):
        return [all_printable(each) for each in told]
    if isinstance(told, dict):
        return {printable(key): all_printable(value) for key, value in told.items()}
    return told
