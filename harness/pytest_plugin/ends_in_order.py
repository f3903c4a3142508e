# SPDX-License-Identifier: Apache-2.0
"""The end of a session whose results are kept, whoever asks for it once more meanwhile."""

from typing import Any

import pytest

from harness.pytest_plugin.recorder import Recorder
from harness.run.finishing import undisturbed


class EndsInOrder:
    """Around all that others do when a session is over: their labs end, their results are written."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Any:
        with undisturbed():
            self._recorder.keep(session)
            return (yield)
