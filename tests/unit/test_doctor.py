# SPDX-License-Identifier: Apache-2.0
"""The doctor's findings."""

import pytest

from harness.core.errors import UsageError
from harness.diagnostics.doctor import checks


def test_a_failed_check_always_has_a_remedy() -> None:
    found = checks("reference")
    assert {"Python", "libvirt", "QEMU", "KVM", "image"} <= {check.name for check in found}
    for check in found:
        assert check.detail
        assert check.ok or check.remedy


def test_an_unknown_guest_is_refused() -> None:
    with pytest.raises(UsageError):
        checks("no-such")
