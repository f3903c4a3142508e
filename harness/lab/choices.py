# SPDX-License-Identifier: Apache-2.0
"""What can be chosen of a lab."""

EMBEDDED = "qemu:///embed"  # libvirt's QEMU driver in this very process
NIC_MODELS = ("virtio", "e1000e")  # of a Windows guest; the first unless its image says otherwise
