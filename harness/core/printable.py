# SPDX-License-Identifier: Apache-2.0
"""What guests and files say, made harmless for a terminal."""


def printable(text: str) -> str:
    """Without what could move the cursor or change the terminal; ends of lines stay."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
