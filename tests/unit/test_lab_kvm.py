# SPDX-License-Identifier: Apache-2.0
"""The probe of KVM."""

import time

from harness.lab import kvm


def test_the_answer_comes_in_time_with_a_reason() -> None:
    began = time.monotonic()
    usable, reason = kvm.usable()
    assert time.monotonic() - began < 2
    assert isinstance(usable, bool)
    assert reason
    assert "\n" not in reason
