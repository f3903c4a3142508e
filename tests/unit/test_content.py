# SPDX-License-Identifier: Apache-2.0
"""The words for bytes that are not those expected."""

import random

import pytest

from harness.core.content import Content

SENT = random.Random(1).randbytes(256 << 10)


def test_a_difference_of_many_bytes_is_told_in_a_line_and_at_once() -> None:
    with pytest.raises(AssertionError) as caught:
        assert Content(SENT[1:]) == SENT
    told = str(caught.value)
    assert "At index 0 diff" in told
    assert f"<{len(SENT) - 1} bytes" in told
    assert len(told) < 2000


def test_lists_of_them_are_told_apart_as_quickly() -> None:
    with pytest.raises(AssertionError) as caught:
        assert [Content(SENT)] == [Content(SENT[::-1])]
    assert len(str(caught.value)) < 2000


def test_they_are_bytes() -> None:
    assert Content(b"abc") == b"abc"
    assert b"".join([Content(b"a"), b"bc"]) == b"abc"
    assert repr(Content(b"abc")) == "b'abc'"
