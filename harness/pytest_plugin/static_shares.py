# SPDX-License-Identifier: Apache-2.0
"""pytest-xdist's view of who performs what."""

from xdist.scheduler import LoadScheduling

from harness.pytest_plugin.workers import share_of


class StaticShares(LoadScheduling):  # type: ignore[misc]
    """Each worker gets the tests that it has started already, and no others."""

    def schedule(self) -> None:
        if self.collection is not None or not self._check_nodes_have_same_collection():
            return
        self.collection: list[str] = next(iter(self.node2collection.values()))
        for node in self.nodes:
            places = list(share_of(node.workerinput, len(self.collection)))
            self.node2pending[node] = places
            node.send_runtest_some(places)
            node.shutdown()  # when it has performed them
