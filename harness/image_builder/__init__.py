# SPDX-License-Identifier: Apache-2.0
"""Makes images of Windows guests from the user's own ISO: `wsk-conformance image`."""
