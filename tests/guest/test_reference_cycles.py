# SPDX-License-Identifier: Apache-2.0
"""Loading and unloading drivers, opening and closing sockets: afterwards the guest is as it was.

WSK_LONG_TESTS=1 in the environment makes it 1,000 loads and 10,000 sockets of each category.
"""

import os
from pathlib import Path

from labs import finish, start_lab
from reference_drivers import build, build_loader, verdicts

_LONG = bool(os.environ.get("WSK_LONG_TESTS"))
_LOADS, _SOCKETS = (1000, 10000) if _LONG else (20, 100)
_LIMIT_S = 1800 if _LONG else 600

_BODY = """
STATE = "cd /proc/net; cat /sys/module/ntlab/parameters/pool sockstat sockstat6; ps | grep -c '[n]t-system'"

async def main():
    folder = Path(sys.argv[1])
    with Hypervisor() as hypervisor:
        guest = await started(hypervisor)
        ssh = guest.connection
        for name in ("ntload", "cycles.sys", "once.sys"):
            await ssh.put(f"/tmp/{name}", (folder / name).read_bytes())
        await ssh.exec("chmod +x /tmp/ntload; /tmp/ntload once /tmp/once.sys; /tmp/ntload once -")
        before = (await ssh.exec(STATE)).stdout
        loads = (folder / "loads").read_text()
        done = await ssh.exec(
            f"for i in $(seq {loads}); do /tmp/ntload once /tmp/once.sys; /tmp/ntload once -; done | "
            "sort | uniq -c; "
            "dmesg -c > /dev/null; /tmp/ntload cycles /tmp/cycles.sys; /tmp/ntload cycles -; dmesg",
            limit=1700,
        )
        (folder / "said").write_bytes(done.stdout)
        (folder / "before").write_bytes(before)
        (folder / "after").write_bytes((await ssh.exec(STATE)).stdout)
        await guest.stop()
asyncio.run(main())
"""


def test_loads_and_sockets_leave_nothing_behind(tmp_path: Path) -> None:
    build_loader(tmp_path)
    build("cycles", tmp_path, f"-DCYCLES={_SOCKETS}").rename(tmp_path / "cycles.sys")
    build("cycles", tmp_path, "-DCYCLES=1").rename(tmp_path / "once.sys")
    (tmp_path / "loads").write_text(str(_LOADS))
    finish(start_lab(_BODY, tmp_path), limit=_LIMIT_S)
    said = (tmp_path / "said").read_text()
    assert said.splitlines()[0].split() == [str(2 * _LOADS), "00000000"]
    assert verdicts(said, "cycles") == {"open-and-close": True}
    assert (tmp_path / "after").read_text() == (tmp_path / "before").read_text()
