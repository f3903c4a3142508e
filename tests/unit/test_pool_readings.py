# SPDX-License-Identifier: Apache-2.0
"""The tags of a guest's pool that have grown from one reading to the next."""

import pytest

from harness.evidence import grown

BEFORE = {"pool.WskS": "3 3336", "pool.irp ": "0 0"}


@pytest.mark.parametrize(
    ("after", "tags"),
    [
        (BEFORE, []),
        ({}, []),
        ({"pool.WskS": "1 1112"}, []),
        ({"pool.WskS": "4 4448", "pool.irp ": "0 0"}, ["pool.WskS"]),
        ({"pool.WskS": "3 3400"}, ["pool.WskS"]),
        ({"pool.WskI": "1 64"}, ["pool.WskI"]),
        ({"pool.WskI": "none"}, []),
    ],
)
def test_a_tag_has_grown_when_it_has_more_blocks_or_bytes(after: dict[str, str], tags: list[str]) -> None:
    assert grown(BEFORE, after) == tags
