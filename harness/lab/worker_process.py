# SPDX-License-Identifier: Apache-2.0
"""The Python of a worker process: in a network of its own before anything else runs in it.

pytest-xdist starts its workers as `python -u -c PROGRAM`, and the first thing
that PROGRAM does is to start a thread; a process with threads cannot enter a
user namespace any more. `python -m harness.lab.worker_process -u -c PROGRAM` does the same work.
"""

import os
import sys

from harness.lab import namespace


def main() -> None:
    os.setsid()  # Ctrl-C is its parent's to pass on
    namespace.entered_once()  # whoever needs the network is told what became of it
    exec(sys.argv[-1], {"__name__": "__main__"})


if __name__ == "__main__":
    main()
