# SPDX-License-Identifier: Apache-2.0
"""The programs `guest` and `scenario` of a lab's shell: each asks the process that holds the lab, and ends.

It imports nothing of the harness, so that they start at once.
"""

import json
import os
import socket
import sys
from pathlib import Path

SOCKET = "WSK_LAB"  # the environment variable that names the lab's socket
GUEST, SCENARIO = "guest", "scenario"  # the two programs
_INTERRUPTED = 130


def main() -> int:
    """Performs the command line; its exit status, 130 after Ctrl-C."""
    program, *words = sys.argv[1:]
    if program == SCENARIO and words:
        words[0] = str(Path(words[0]).resolve())
    try:
        text, status = _ask([program, *words])
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (OSError, ValueError) as error:
        print(f"{program}: the lab does not answer: {error}", file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return status


def _ask(words: list[str]) -> tuple[str, int]:
    with socket.socket(socket.AF_UNIX) as lab:
        lab.connect(os.environ[SOCKET])
        lab.sendall(json.dumps(words).encode() + b"\n")
        with lab.makefile("rb") as answers:
            text, status = json.loads(answers.readline())
    return str(text), int(status)


if __name__ == "__main__":
    sys.exit(main())
