# SPDX-License-Identifier: Apache-2.0
"""Conformance suite for WskDisconnect and WskCloseSocket."""

__version__ = "0.2.0"  # CHANGELOG.md says what its numbers mean
