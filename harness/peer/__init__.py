# SPDX-License-Identifier: Apache-2.0
"""The far end of the wire: one behaviour, one class; docs/peers.md lists them."""

from harness.peer.base import Peer
from harness.peer.black_hole import BlackHole
from harness.peer.crosses_fins import CrossesFins
from harness.peer.datagrams import EchoesDatagrams, FloodsDatagrams
from harness.peer.ends_when_asked import EndsWhenAsked
from harness.peer.fin_first import FinFirst
from harness.peer.floods_connections import FloodsConnections
from harness.peer.hangs_up import HangsUp
from harness.peer.holds_open import HoldsOpen
from harness.peer.keeps_sending import KeepsSending
from harness.peer.loses_first import LosesFirst
from harness.peer.misplaces import MisplacesFin, MisplacesReset, RepeatsData
from harness.peer.reads_slowly import ReadsSlowly
from harness.peer.reads_to_eof import ReadsToEof
from harness.peer.resets import Resets
from harness.peer.sends import Sends, SendsThenFin
from harness.peer.trigger import After
from harness.peer.unanswered import NeverAnswers, Refuses
from harness.peer.withholds_acks import WithholdsDataAcks, WithholdsFinAck
from harness.peer.zero_window import ZeroWindow

__all__ = [
    "After",
    "BlackHole",
    "CrossesFins",
    "EchoesDatagrams",
    "EndsWhenAsked",
    "FinFirst",
    "FloodsConnections",
    "FloodsDatagrams",
    "HangsUp",
    "HoldsOpen",
    "KeepsSending",
    "LosesFirst",
    "MisplacesFin",
    "MisplacesReset",
    "NeverAnswers",
    "Peer",
    "ReadsSlowly",
    "ReadsToEof",
    "Refuses",
    "RepeatsData",
    "Resets",
    "Sends",
    "SendsThenFin",
    "WithholdsDataAcks",
    "WithholdsFinAck",
    "ZeroWindow",
]
