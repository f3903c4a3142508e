# SPDX-License-Identifier: Apache-2.0
"""How long a capture of a million packets takes here and in tshark, on the same file.

Both name every TCP connection with its packets and bytes: `wsk-conformance
report --capture FILE --list` and `tshark -n -q -z conv,tcp -r FILE`. Each is run
several times in turn; the time is the processor's (user and system), which other
work on the machine changes least, with the time on the clock behind it.
"""

import argparse
import os
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONNECTIONS = 1000
PAYLOADS = (0, 100, 1000)  # bytes, in turn
_PROGRAM = Path(sys.executable).parent / "wsk-conformance"


def write_capture(path: Path, packets: int) -> None:
    """Connections that send in turn; a packet each 100 us."""
    numbers = [[1000, 2000] for _ in range(CONNECTIONS)]
    with path.open("wb", buffering=1 << 20) as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(packets):
            connection, turn = number % CONNECTIONS, number // CONNECTIONS
            frame = _frame(connection, turn, numbers[connection])
            second, fraction = divmod(number * 100, 1_000_000)
            file.write(struct.pack("<IIII", 1_700_000_000 + second, fraction, len(frame), len(frame)) + frame)


def _frame(connection: int, turn: int, numbers: list[int]) -> bytes:
    sender = turn % 2
    flags = (0x02, 0x12)[turn] if turn < 2 else 0x18
    payload = bytes(PAYLOADS[turn % 3] if turn > 1 else 0)
    ends = [(b"\x0a\0\0\1", 20_000 + connection), (b"\x0a\0\0\2", 80)]
    (source, sport), (target, dport) = ends[sender], ends[1 - sender]
    acked = numbers[1 - sender] if turn else 0
    tcp = struct.pack("!HHIIBBHHH", sport, dport, numbers[sender], acked, 0x50, flags, 8192, 0, 0)
    total = 40 + len(payload)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, total, 0, 0x4000, 64, 6, 0, source, target)
    numbers[sender] += len(payload) or int(turn < 2)
    return b"\2" * 6 + b"\4" * 6 + b"\x08\0" + ip + tcp + payload


def measure(command: list[str]) -> tuple[float, float, int, str]:
    """Seconds of the processor, seconds on the clock, peak memory in KiB, and what was printed."""
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return _processor(used), time.monotonic() - start, used.ru_maxrss, output


def _processor(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.pcap"
        write_capture(path, chosen.packets)
        print(f"{chosen.packets} packets, {path.stat().st_size / 1e6:.0f} MB, {chosen.runs} runs each")
        commands = {
            "wsk-conformance report --list": [str(_PROGRAM), "report", "--capture", str(path), "--list"],
            "tshark -n -q -z conv,tcp": ["tshark", "-n", "-q", "-z", "conv,tcp", "-r", str(path)],
        }
        results: dict[str, list[tuple[float, float, int, str]]] = {name: [] for name in commands}
        for _ in range(chosen.runs):
            for name, command in commands.items():
                results[name].append(measure(command))
        for name, runs in results.items():
            named = sum("10.0.0.1:2" in line for line in runs[0][3].splitlines())
            processor = statistics.median(run[0] for run in runs)
            clock = statistics.median(run[1] for run in runs)
            memory = max(run[2] for run in runs) / 1024
            print(
                f"{name:30} {processor:6.2f} s processor, {clock:6.2f} s clock, {memory:5.0f} MiB, ", end=""
            )
            print(f"{named} connections")


if __name__ == "__main__":
    main()
