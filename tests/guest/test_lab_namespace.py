# SPDX-License-Identifier: Apache-2.0
"""A lab's network."""

from pathlib import Path

from labs import finish, start_lab


def test_the_network_has_both_taps_and_the_same_one_is_returned_again(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            import socket
            print(namespace.enter() is network)
            print(sorted(name for _, name in socket.if_nameindex()))
            for family, host in ((socket.AF_INET, network.mgmt_host), (socket.AF_INET6, network.test_host6)):
                socket.create_server((host, 4000), family=family).close()
            settings = Path("/proc/sys/net/ipv6/conf/test0")
            print((settings / "router_solicitations").read_text().strip())
            """,
            tmp_path,
        )
    )
    assert said == ["True", "['lo', 'mgmt0', 'test0']", "0"]


def test_threads_are_refused_with_a_line(tmp_path: Path) -> None:
    said = finish(
        start_lab(
            """
            import threading
            release = threading.Event()
            threading.Thread(target=release.wait).start()
            namespace.entered_once.cache_clear()
            try:
                namespace.enter()
            except HarnessError as error:
                print(error)
            release.set()
            """,
            tmp_path,
        )
    )
    assert len(said) == 1
    assert "before" in said[0] or "first of all" in said[0]
