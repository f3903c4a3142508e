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


def test_a_thread_goes_into_a_further_network_that_is_like_the_first_and_apart_from_it(
    tmp_path: Path,
) -> None:
    said = finish(
        start_lab(
            """
            import socket, threading
            address = (network.test_host4, 4000)

            def further():
                namespace.enter_another()
                print(namespace.furnish() == network)
                print(sorted(name for _, name in socket.if_nameindex()))
                beside = threading.Thread(target=lambda: socket.create_server(address).close())
                beside.start()
                beside.join()

            with socket.create_server(address):  # there too, where nobody has the address yet
                thread = threading.Thread(target=further)
                thread.start()
                thread.join()
                try:
                    socket.create_server(address)
                except OSError:
                    print("it is taken in this one")
            """,
            tmp_path,
        )
    )
    assert said == ["True", "['lo', 'mgmt0', 'test0']", "it is taken in this one"]
