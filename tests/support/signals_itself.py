# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest's that sends its own process signals when a function is called, as SIGNALS_ITSELF says.

"harness.report.junit.write_junit SIGTERM SIGKILL": the first when it is called, the next when it returns.
"""

import functools
import os
import signal
from importlib import import_module
from typing import Any


def _send(name: str) -> None:
    os.kill(os.getpid(), signal.Signals[name])


def _patch(place: str, signals: list[str]) -> None:
    module, _, name = place.rpartition(".")
    owner: Any
    try:
        owner = import_module(module)
    except ModuleNotFoundError:  # a method
        module, _, kind = module.rpartition(".")
        owner = getattr(import_module(module), kind)
    original = getattr(owner, name)

    @functools.wraps(original)
    def disturbed(*arguments: Any, **named: Any) -> Any:
        setattr(owner, name, original)
        _send(signals[0])
        done = original(*arguments, **named)
        for each in signals[1:]:
            _send(each)
        return done

    setattr(owner, name, disturbed)


def pytest_sessionstart() -> None:
    place, *signals = os.environ["SIGNALS_ITSELF"].split()
    _patch(place, signals)
