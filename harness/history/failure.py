# SPDX-License-Identifier: Apache-2.0
"""A name for a failure that it has in every night: of where it happened, and of why without its figures."""

import hashlib
import re

from harness.history.schema import LONGEST_WHY
from harness.verdict import Outcome

_KEY = 12  # hexadecimal digits: two of a million failures share one in one of 500 stores

_STATUS = r"0x[0-9A-Fa-f]{8}\b"  # an NTSTATUS or a bugcheck code says what happened: it stays
_FIGURES = re.compile(
    rf"(?P<status>{_STATUS})"
    r"|\b0x[0-9A-Fa-f]+\b"
    r"|\b(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}"  # IPv6, MAC addresses, times of the day
    r"|\b(?=[A-Fa-f]*\d)[0-9A-Fa-f]{8,}\b"  # pointers
    r"|(?<![A-Za-z_])-?\d+(?:[.,:]\d+)*(?:\s?(?:ns|us|ms|s|KiB|MiB)\b)?"
)
_SERIES = re.compile(r"#(?:[\s,;]+#)+")


def failure_key(cell: str, case: str, outcome: Outcome, why: str) -> str:
    """Twelve hexadecimal digits."""
    told = "\n".join((cell, case, outcome, normalised(why)))
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:_KEY]


def normalised(why: str) -> str:
    """Numbers, times and addresses become '#', however many there are, and all white space is alike."""
    figures = _FIGURES.sub(lambda found: found["status"] or "#", why[:LONGEST_WHY])
    return _SERIES.sub("#", " ".join(figures.split()))
