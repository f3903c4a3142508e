# SPDX-License-Identifier: Apache-2.0
"""Keeps a serial port's log within bounds: a guest that talks without end must not fill the host's disk."""

from pathlib import Path

MOST_BYTES = 16 << 20


def shorten(path: Path) -> None:
    """Cuts the middle out of a log that is too long: a quarter of MOST_BYTES stays at each end.

    QEMU goes on to append meanwhile. Raises OSError.
    """
    if path.stat().st_size <= MOST_BYTES:
        return
    kept = MOST_BYTES // 4
    with path.open("r+b") as log:
        size = log.seek(0, 2)
        log.seek(size - kept)
        end = log.read()
        log.truncate(kept)
    with path.open("ab") as log:
        log.write(b"\n[%d bytes are left out here]\n" % (size - 2 * kept))
        log.write(end)
