# SPDX-License-Identifier: Apache-2.0
"""The choices that a lab offers."""

EMBEDDED = "qemu:///embed"  # libvirt's QEMU driver in this very process
NIC_MODELS = ("virtio", "e1000e")  # of a Windows guest; the first unless its image says otherwise
