# SPDX-License-Identifier: Apache-2.0
"""Units of time (integers of nanoseconds) and of size (integers of bytes).

Written behind a number as in a document: `5 * s`, `64 * KiB`.
"""

us = 1_000
ms = 1_000 * us
s = 1_000 * ms

KiB = 1024
MiB = 1024 * KiB


def seconds(nanoseconds: int) -> float:
    """A time as the standard library wants it."""
    return nanoseconds / s


def format_ns(nanoseconds: int) -> str:
    """A time for people, in the largest unit that leaves a number of at least one: '1.25 ms'."""
    for name, unit in (("s", s), ("ms", ms), ("us", us)):
        if abs(nanoseconds) >= unit:
            return f"{nanoseconds / unit:.6g} {name}"
    return f"{nanoseconds} ns"
