# SPDX-License-Identifier: Apache-2.0
"""What many runs add up to: nights, the store that keeps them, and what changed from one to the next."""
