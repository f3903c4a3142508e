# SPDX-License-Identifier: Apache-2.0
"""Somebody's own driver, tried in the reference guest: loaded, run, unloaded, and told of."""
