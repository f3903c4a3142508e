# SPDX-License-Identifier: Apache-2.0
"""A farm out of Slurm's jobs, for as long as this script runs: python slurm.py, then --farm its address.

It needs `pip install dask-jobqueue`, and the repository at the same path on
every node, after `make prepare`. Each job is a worker that performs one cell
at a time.
"""

import signal

from dask_jobqueue import SLURMCluster

REPOSITORY = "/opt/wsk-conformance"

if __name__ == "__main__":
    with SLURMCluster(
        cores=1,  # threads of a worker: cells at once
        processes=1,
        job_cpu=4,
        memory="8GB",
        walltime="08:00:00",
        python=f"{REPOSITORY}/.venv/bin/python",
        local_directory="/tmp",
        scheduler_options={"dashboard": False},
    ) as cluster:
        cluster.scale(jobs=8)
        print(cluster.scheduler_address, flush=True)
        signal.pause()
