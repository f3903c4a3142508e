# SPDX-License-Identifier: Apache-2.0
"""What is wrong with this machine or with this harness: doctor, bundle, self-tests."""
