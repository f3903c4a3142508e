# SPDX-License-Identifier: Apache-2.0
"""A lab: one process with a network of its own, a hypervisor, and machines."""

import os

# libvirt logs to stderr unless told otherwise, and reads this once, when it is imported. What matters
# arrives as an exception too.
os.environ.setdefault("LIBVIRT_LOG_OUTPUTS", "3:file:/dev/null")
