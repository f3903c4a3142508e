# SPDX-License-Identifier: Apache-2.0
"""Scenarios that nobody wrote: made by chance within the contract, judged by the laws, shrunk."""
