# SPDX-License-Identifier: Apache-2.0
"""Headers of dumps as Windows writes them."""

import struct

HEADER_BYTES = 0x2000
PAGE = 0x1000
PARAMETERS = (8, 2, 1, 0xFFFFF80412345678)
COMPLETE, SMALL, KERNEL_BITMAP = 1, 4, 6


def header(
    *,
    signature: bytes = b"PAGEDU64",
    code: int = 0xD1,
    parameters: tuple[int, ...] = PARAMETERS,
    kind: int = COMPLETE,
    machine: int = 0x8664,
    processors: int = 2,
) -> bytearray:
    """A header as Windows writes it: unknown fields are filled with PAGE."""
    data = bytearray(b"PAGE" * (HEADER_BYTES // 4))
    data[:8] = signature
    struct.pack_into("<II4Q", data, 0x08, 15, 20348, 0x1AA000, 0, 0xFFFFF80400000000, 0xFFFFF80400000010)
    struct.pack_into("<IIII4Q", data, 0x30, machine, processors, code, 0, *parameters)
    struct.pack_into("<IIQQQ", data, 0x88, 1, 0, 2, 0, 2)  # one run of physical memory: two pages from 0
    struct.pack_into("<I", data, 0x348 + 0x34, 0x1F80)  # MxCsr, twice, by which a reader knows a context
    struct.pack_into("<I", data, 0x348 + 0x118, 0x1F80)
    struct.pack_into("<6H", data, 0x348 + 0x38, 0x10, 0x2B, 0x2B, 0x53, 0x2B, 0x18)
    struct.pack_into("<I", data, 0xF98, kind)
    return data
