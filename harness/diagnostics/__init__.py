# SPDX-License-Identifier: Apache-2.0
"""Finds faults of this machine and of this harness: doctor, bundle, self-tests."""
