# SPDX-License-Identifier: Apache-2.0
"""The header's structs are packed as its parser would pack them."""

import pytest

from harness.core.abi import abi, packed


@pytest.mark.parametrize("name", ["wsktest_scenario", "wsktest_step", "wsktest_event", "wsktest_frame"])
def test_a_struct_is_packed_where_the_header_puts_its_fields(name: str) -> None:
    layout = getattr(abi, name)
    different = bytes(number % 251 + 1 for number in range(layout.size))
    for value in (layout(different), layout()):
        assert packed(value) == value.dumps()
    assert packed(layout(different)) == different
