# SPDX-License-Identifier: Apache-2.0
"""What does one event of the trace cost inside the guest, in instructions?

    make driver; .venv/bin/python bench/trace_event.py

Counts them in the built driver: its way through an event has no loop, so that each instruction there
is executed once, at most. Its calls of the kernel are named, and are the guest's own cost. By time, a timing
case measures the same: an empty call is two events with nothing between them (`--timing`, in its report).
"""

import re
import subprocess

from harness.core.paths import BUILT_DRIVER

FUNCTIONS = ("TraceBeginEvent", "memset", "ClockNow", "IrqlCurrent", "TraceRecord")
OBJDUMP = "x86_64-w64-mingw32-objdump"
_INSTRUCTION = re.compile(r"^\s+[0-9a-f]+:\t(\S+)(.*)$", re.MULTILINE)
_PADDING = {"nop", "nopl", "nopw", "xchg", "data16", "cs"}  # between functions


def instructions(function: str) -> list[tuple[str, str]]:
    """The instructions of one function of the driver: opcodes and operands."""
    command = [OBJDUMP, "-d", "--no-show-raw-insn", f"--disassemble={function}"]
    told = subprocess.run(
        [*command, BUILT_DRIVER / "wsktest.debug.sys"], capture_output=True, text=True, check=True
    )
    found = _INSTRUCTION.findall(told.stdout)
    while found and found[-1][0] in _PADDING:
        found.pop()
    return found


def main() -> None:
    count, kernels = 0, []
    for function in FUNCTIONS:
        found = instructions(function)
        print(f"{function:16} {len(found):4}")
        count += len(found)
        kernels += [name for _, operands in found for name in re.findall(r"<__imp_(\w+)>", operands)]
        # The first import has the name of their table too.
        kernels += ["KeQueryPerformanceCounter" for _, operands in found if "__IAT_start__" in operands]
    print(f"{'an event':16} {count:4}, and {', '.join(kernels)} of the kernel's")


if __name__ == "__main__":
    main()
