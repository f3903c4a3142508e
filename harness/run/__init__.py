# SPDX-License-Identifier: Apache-2.0
"""One run: its settings, its guests, its cases, and what it writes."""
