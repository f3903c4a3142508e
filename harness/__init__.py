# SPDX-License-Identifier: Apache-2.0
"""Conformance suite for WskDisconnect and WskCloseSocket."""

__version__ = "0.1.0"
