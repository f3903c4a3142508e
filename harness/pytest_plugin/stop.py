# SPDX-License-Identifier: Apache-2.0
"""The end of a session that the harness asks for."""

import contextlib
from collections.abc import Iterator

import pytest
from _pytest.outcomes import Exit  # pytest.exit.Exception, by a name that can be inherited from

from harness.core.errors import UsageError, WskConformanceError
from harness.core.printable import printable
from harness.core.unexpected import unexpected
from harness.report.ended import End
from harness.report.files import CannotKeep

HARNESS_FAILED = 3  # exit status


class Stop(Exit):
    """Ends the session with a line and exit status 3; `end` is what the record says of it."""

    def __init__(self, line: str, end: End = End.BROKEN) -> None:
        super().__init__(line, HARNESS_FAILED)
        self.end = end


@contextlib.contextmanager
def told_as_pytest_does() -> Iterator[None]:
    """Ends the session with a line and its exit status when the cases cannot be performed."""
    try:
        yield
    except pytest.UsageError:
        raise
    except UsageError as error:
        raise pytest.UsageError(printable(str(error))) from None
    except CannotKeep as error:
        raise Stop(printable(str(error)), End.NO_SPACE if error.out_of_space else End.BROKEN) from None
    except WskConformanceError as error:
        raise Stop(printable(str(error))) from None
    except Exception as error:
        raise Stop(unexpected(error)) from None
