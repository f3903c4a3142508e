# SPDX-License-Identifier: Apache-2.0
"""The peer that hangs up has to be one that connects; test_held_requests.py has it do so."""

import pytest

from harness.core.errors import UsageError
from harness.peer import HangsUp


def test_it_is_not_one_to_be_connected_to() -> None:
    with pytest.raises(UsageError, match="connecting"):
        HangsUp().bind("127.0.0.1")
