# SPDX-License-Identifier: Apache-2.0
"""The reference guest, from start to stop."""

from pathlib import Path

import pytest
from labs import finish, start_lab

from harness.core.errors import UsageError
from harness.guest import find, guests
from harness.pytest_plugin.plugin import chosen_guest
from harness.run.options import Settings


def test_every_guest_that_is_named_can_be_found() -> None:
    assert [find(name).name for name in guests()] == list(guests())


def test_an_unknown_guest_is_refused_with_the_known_names() -> None:
    with pytest.raises(UsageError, match="reference"):
        find("windows-3.11")


@pytest.mark.parametrize(
    ("fault", "told"), [("rst-on-gracefull", "it has .*rst-on-graceful"), ("no-such", "selfcheck --list")]
)
def test_an_unknown_fault_is_refused_with_those_like_it_or_where_they_are_listed(
    fault: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        chosen_guest(Settings(fault=fault))


def test_commands_files_and_clocks(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            async def main():
                with Hypervisor() as hypervisor:
                    guest = await started(hypervisor, next(iter(find("reference").faults())))
                    ssh = guest.connection
                    result = await ssh.exec("cat; echo oops >&2; exit 3", b"hello")
                    print(result.status, result.stdout, result.stderr)
                    await ssh.put("/tmp/it's here", bytes(range(256)) * 8192)
                    print((await ssh.exec("wc -c < \\"/tmp/it's here\\"")).stdout.decode().strip())
                    try:
                        await ssh.exec("sleep 9", limit=0.1)
                    except GuestHung as error:
                        print("hung", error)
                    first, second = await guest.control.clock(), await guest.control.clock()
                    print("clock", first.qpc < second.qpc, first.received_ns < second.sent_ns)
                    print(guest.info["fault"] == next(iter(find("reference").faults())), guest.kind)
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    assert "3 b'hello' b'oops\\n'" in said
    assert str(256 * 8192) in said
    assert "hung `sleep 9` did not end within 0.1 s" in said
    assert "clock True True" in said
    assert said[-1] == "True reference"


def test_scenarios_go_by_a_port_of_the_machine_and_the_end_of_wskctl_ends_it(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            async def main():
                with Hypervisor() as hypervisor:
                    guest = await started(hypervisor)
                    print("by", guest.info["control"])
                    await guest.connection.exec("killall wskctl")
                    try:
                        while True:
                            await guest.control.clock()
                    except ChannelLost:
                        print("told")
                    await guest.stop()
            asyncio.run(main())
            """,
            tmp_path,
        )
    )
    assert "by virtio port" in said
    assert "told" in said
