# SPDX-License-Identifier: Apache-2.0
"""Peers that a driver can be tried against, by the names that a user gives."""

from collections.abc import Callable

from harness.core.errors import UsageError
from harness.core.units import s
from harness.peer import (
    After,
    BlackHole,
    FinFirst,
    HoldsOpen,
    KeepsSending,
    NeverAnswers,
    Peer,
    ReadsSlowly,
    ReadsToEof,
    Refuses,
    Resets,
    WithholdsDataAcks,
    WithholdsFinAck,
    ZeroWindow,
)

CONNECTIONS = 64  # of one try, at most
LONGEST = 3600 * s  # no try takes longer

# Name -> the behaviour, and what it does.
PEERS: dict[str, tuple[Callable[[], Peer], str]] = {
    "reads-to-eof": (lambda: ReadsToEof(connections=CONNECTIONS), "reads all, then closes"),
    "zero-window": (lambda: ZeroWindow(connections=CONNECTIONS), "takes no byte: its window stays closed"),
    "withholds-acks": (lambda: WithholdsDataAcks(connections=CONNECTIONS), "acknowledges no data"),
    "withholds-fin-ack": (
        lambda: WithholdsFinAck(connections=CONNECTIONS),
        "acknowledges data, and not the FIN behind it",
    ),
    "resets": (lambda: Resets(connections=CONNECTIONS), "resets each connection at once"),
    "resets-on-data": (
        lambda: Resets(after=After(received=1), connections=CONNECTIONS),
        "resets each connection at its first byte",
    ),
    "black-hole": (lambda: BlackHole(connections=CONNECTIONS), "goes dark once the connection is made"),
    "never-answers": (lambda: NeverAnswers(), "answers no SYN"),
    "refuses": (lambda: Refuses(), "answers each SYN with a RST"),
    "fin-first": (lambda: FinFirst(connections=CONNECTIONS), "ends its own direction at once"),
    "holds-open": (
        lambda: HoldsOpen(for_=LONGEST, connections=CONNECTIONS),
        "does nothing, and answers no FIN with its own",
    ),
    "keeps-sending": (lambda: KeepsSending(for_=LONGEST, connections=CONNECTIONS), "sends without an end"),
    "reads-slowly": (lambda: ReadsSlowly(connections=CONNECTIONS), "reads a little at a time"),
}


def find_peer(name: str) -> Peer:
    """Raises UsageError for a name that there is not."""
    if name not in PEERS:
        raise UsageError(f"there is no peer {name!r}; there are: {', '.join(PEERS)}")
    return PEERS[name][0]()
