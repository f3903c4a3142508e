# SPDX-License-Identifier: Apache-2.0
"""pytest's side of the suites."""
