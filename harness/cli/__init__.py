# SPDX-License-Identifier: Apache-2.0
"""Commands of wsk-conformance, one a module.

What a command stands on is imported inside its function: so `--help` and each
other command start in a quarter of a second (bench/startup.py).
"""
