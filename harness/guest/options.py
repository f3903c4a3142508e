# SPDX-License-Identifier: Apache-2.0
"""The options that a user can choose for a guest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GuestOptions:
    """Declared for users in harness/run/options.py."""

    verifier: bool = False  # Driver Verifier must watch the driver
    emulate: bool = False  # a guest that wants KVM may do without
    nic: str = ""  # the model of the NIC under test; empty: the guest's own choice
    strict_client: bool = False  # the reference guest holds the driver to what the documents ask of a client
    vbs: bool = False  # memory integrity (VBS with HVCI) is switched on in it
