# SPDX-License-Identifier: Apache-2.0
"""A night: a matrix of guests and settings, each cell performed by an ordinary run in a process of its own.

Knows nothing of how a run works: it starts `wsk-conformance run`, here or on
the hosts of a farm, and reads the run.json that is left.
"""
