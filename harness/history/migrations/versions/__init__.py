# SPDX-License-Identifier: Apache-2.0
"""The versions of a store's tables, the oldest first."""
