# SPDX-License-Identifier: Apache-2.0
"""How every command ends, whatever happens in it: a documented exit status, and at most one line of ours.

Light to import: it must be there before anything that could fail.
"""

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from harness.core import extras
from harness.core.errors import Terminated, UsageError, WskConformanceError
from harness.core.files import short
from harness.core.printable import printable
from harness.core.signals import take_signals
from harness.core.unexpected import unexpected

EXIT_USAGE = 2
EXIT_HARNESS = 3
EXIT_INTERRUPTED = 130

_LONG = re.compile(r"\S{400,}")
# What the system says of a file that somebody named wrongly, or may not use. All else is a failure of ours.
_USERS = frozenset(
    {
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.EROFS,
        errno.ETXTBSY,
        errno.ENXIO,
    }
)


def run(command: Callable[[], None]) -> int:
    """Performs the command. Its exit status: nothing that it raises gets past this."""
    _open_standard_streams()
    take_signals()
    with _patient_output():
        return _flushed(_performed(command))


def _performed(command: Callable[[], None]) -> int:
    try:
        command()
    except SystemExit as wanted:
        return wanted.code if isinstance(wanted.code, int) else EXIT_HARNESS if wanted.code else 0
    except Terminated as error:
        return _say(f"ended by {error}", EXIT_HARNESS)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except UsageError as error:
        return _say(str(error), EXIT_USAGE)
    except WskConformanceError as error:
        return _say(str(error), EXIT_HARNESS)
    except ModuleNotFoundError as error:
        line = extras.missing(error)
        return _say(line, EXIT_USAGE) if line else _say(unexpected(error), EXIT_HARNESS)
    except OSError as error:
        if error.errno in _USERS and error.filename is not None:
            return _say(f"cannot use {error.filename}: {error.strerror}", EXIT_USAGE)
        return _say(unexpected(error), EXIT_HARNESS)
    except RuntimeError as error:
        if str(error).startswith("Symlink loop"):  # how pathlib says ELOOP
            return _say(str(error), EXIT_USAGE)
        return _say(unexpected(error), EXIT_HARNESS)
    except Exception as error:
        return _say(unexpected(error), EXIT_HARNESS)
    return 0


def brief(line: str) -> str:
    """The line, without the middle of names that nobody can read to their end."""
    return _LONG.sub(lambda found: short(found[0]), line)


def _say(line: str, status: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        print(f"wsk-conformance: {brief(printable(line))}", file=sys.stderr, flush=True)
    return status


def _open_standard_streams() -> None:
    """One that was closed would be the number of the next file that is opened, and written into."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number, which is this one
            if getattr(sys, name) is None:
                stream = open(number, "w" if number else "r", closefd=False)  # noqa: SIM115
                setattr(sys, name, stream)


@contextlib.contextmanager
def _patient_output() -> Iterator[None]:
    """A reader that has seen enough (`| head`) takes nothing more, and changes nothing else."""
    before = {name: getattr(sys, name) for name in ("stdout", "stderr", "__stdout__", "__stderr__")}
    for name in ("stdout", "stderr"):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            patient = _patient(before[name], at_once=name == "stderr")
            setattr(sys, name, patient)
            setattr(sys, f"__{name}__", patient)
    try:
        yield
    finally:
        for name, stream in before.items():
            setattr(sys, name, stream)


def _patient(stream: io.TextIOWrapper, *, at_once: bool) -> io.TextIOWrapper:
    """The same, over an outlet; what a closed or replaced stream raises says that it stays as it is."""
    stream.flush()
    outlet = _Outlet(stream.fileno(), "w", closefd=False)
    by_line = at_once or stream.isatty() or bool(os.environ.get("PYTHONUNBUFFERED"))
    return io.TextIOWrapper(
        io.BufferedWriter(outlet), stream.encoding, "backslashreplace", line_buffering=by_line
    )


class _Outlet(io.FileIO):
    """Output that is thrown away once its file takes no more, while the command goes on.

    A reader that has seen enough is in order; a full disk is kept, to be told at the end.
    """

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.lost = None if isinstance(error, BrokenPipeError) else error
            _lead_nowhere(self.fileno())
            return memoryview(data).nbytes


def _lead_nowhere(handle: int) -> None:
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, handle)
        os.close(nowhere)


def _flushed(status: int) -> int:
    """Flush standard output; a full disk there hides no verdict."""
    with contextlib.suppress(ValueError):
        sys.stdout.flush()
    outlet = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(outlet, _Outlet) and outlet.lost:
        return _say(f"cannot write the output: {outlet.lost.strerror}", status or EXIT_USAGE)
    return status
