# SPDX-License-Identifier: Apache-2.0
"""labgrid's side of against_labgrid.py, run by the Python that labgrid is installed for.

    PYTHON labgrid_commands.py ENVIRONMENT.yaml COUNT

Boots the target, runs so many commands over SSH and switches it off.
"""

import sys

from labgrid import Environment


def main(environment: str, count: int) -> None:
    target = Environment(environment).get_target("main")
    machine = target.get_driver("QEMUDriver")
    machine.on()
    try:
        shell = target.get_driver("SSHDriver")  # waits until it can log in
        for number in range(count):
            if shell.run_check(f"echo {number}") != [str(number)]:
                sys.exit("the guest said something else")
    finally:
        machine.off()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
