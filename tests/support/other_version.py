# SPDX-License-Identifier: Apache-2.0
"""Loaded into a worker of a farm (`dask worker --preload`): it is as if it had other sources."""

from harness.nightly import dask_worker


def dask_setup(worker: object) -> None:
    """Called by Dask."""
    setattr(dask_worker, "version", lambda: "0.0.1-0123456789ab")  # noqa: B010
