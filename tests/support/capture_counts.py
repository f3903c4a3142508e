# SPDX-License-Identifier: Apache-2.0
"""The counts of a case's capture: the statistics of its interface, which are the file's last block."""

import struct
from pathlib import Path

RECEIVED, DROPPED, ACCEPTED = 4, 5, 6  # isb_ifrecv, isb_ifdrop, isb_filteraccept


def counted(capture: Path, option: int) -> int:
    """The value of one of them."""
    told = capture.read_bytes()
    (size,) = struct.unpack("<I", told[-4:])
    begin = told.index(struct.pack("<HH", option, 8), len(told) - size)
    (count,) = struct.unpack_from("<Q", told, begin + 4)
    return int(count)
