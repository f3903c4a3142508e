# SPDX-License-Identifier: Apache-2.0
"""Marks the tests of a room by what all of them need; others mark themselves, or their module does.

    .venv/bin/pytest -m "not (vm or wine or browser or postgres or network)" tests

runs those that need Python and a built driver only.
"""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_TESTS = Path(__file__).parent
_NEEDED_IN = {"guest": pytest.mark.vm, "web": pytest.mark.browser, "network": pytest.mark.network}

# A shell has its background jobs ignore SIGINT, and nohup SIGHUP; what they start would ignore them too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes says nothing: tests run beside guests that take both processors.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_TESTS):
            room = item.path.relative_to(_TESTS).parts[0]
            if room in _NEEDED_IN:
                item.add_marker(_NEEDED_IN[room])
