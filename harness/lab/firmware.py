# SPDX-License-Identifier: Apache-2.0
"""UEFI firmware for machines that boot from a disk: OVMF, named by path.

libvirt would choose a build by its descriptors, and the first of those on
Debian has Secure Boot on with keys enrolled: Windows then refuses test signing.
"""

from pathlib import Path

CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
