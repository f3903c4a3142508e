# SPDX-License-Identifier: Apache-2.0
"""Many runs together: nights, the store that keeps them, and what changed from one to the next."""
