# SPDX-License-Identifier: Apache-2.0
"""Reports an unexpected error: one line, and the file that has its details."""

import errno
import os
import tempfile
import traceback
from pathlib import Path

_MOST_SAID = 300  # letters
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NO_FILES = (errno.EMFILE, errno.ENFILE)


def unexpected(error: BaseException) -> str:
    """One line; the traceback goes into a file of its own, which it names."""
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        place = f" for {error.filename}" if error.filename else ""
        return f"no space left{place}: free some and run again"
    if isinstance(error, OSError) and error.errno in _NO_FILES:
        return "too few files may be open at once: raise the limit (`ulimit -n 1024`)"
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return "a file may not become as large as that here: raise the limit (`ulimit -f unlimited`)"
    if isinstance(error, MemoryError):
        return "no memory left: free some, or raise the limit (`ulimit -v unlimited`), and run again"
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(frame[0].filename).name}:{frame[0].lineno})" if frame else ""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:_MOST_SAID]
    return f"an error of the harness itself, not of the guest: {what}{place}; {_kept(error)}"


def is_out_of_space(error: OSError) -> bool:
    return error.errno in _NO_SPACE


def _kept(error: BaseException) -> str:
    try:
        handle, name = tempfile.mkstemp(prefix="wsk-conformance-error-", suffix=".txt")
        with os.fdopen(handle, "w", errors="replace") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return "its details could not be kept"
    return f"details: {name}"
