# SPDX-License-Identifier: Apache-2.0
"""Loads the plugin, nothing else."""

pytest_plugins = ("harness.pytest_plugin.entry",)
