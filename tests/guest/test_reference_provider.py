# SPDX-License-Identifier: Apache-2.0
"""The reference guest's WSK provider: it conforms, and each of its faults is seen."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import conformance
import pytest
from labs import finish, start_lab
from reference_drivers import build, build_loader, verdicts

from harness.core.paths import REPOSITORY
from harness.guest import find
from harness.pytest_plugin.collection import rows_and_cases

# A hundred faults in a guest each: the first test waits for all of them.
pytestmark = pytest.mark.timeout(3000)

_FAULTS = REPOSITORY / "images" / "reference" / "module" / "faults.h"
_SUITES = ("connect", "closing", "ending", "events", "kernel")

# Fault -> the suite, and the check of it that must fail.
CAUGHT = {
    "rst-on-graceful": ("connect", "end-of-stream"),
    "fin-before-data": ("connect", "buffer-length"),
    "lost-irp": ("connect", "graceful"),
    "irp-waits-for-thread": ("connect", "graceful"),
    "complete-before-fin-ack": ("connect", "graceful-waits-for-acknowledgement"),
    "no-fin": ("connect", "end-of-stream"),
    "buffer-cut": ("connect", "buffer-length"),
    "offset-ignored": ("connect", "buffer-bytes"),
    "chain-ignored": ("connect", "buffer-length"),
    "graceful-ends-both": ("connect", "half-open-receive"),
    "graceful-cancels-receive": ("connect", "receive-outlives-graceful"),
    "late-send-succeeds": ("connect", "no-send-after-graceful"),
    "receive-after-abort": ("connect", "no-receive-after-abort"),
    "abort-sends-fin": ("connect", "abort-resets-the-peer"),
    "abort-sends-nothing": ("connect", "abort-resets-the-peer"),
    "abort-waits": ("connect", "abort-does-not-wait"),
    "abort-leaves-sends": ("connect", "abort-completes-sends"),
    "aborted-send-succeeds": ("connect", "aborted-send-fails"),
    "abort-loses-graceful": ("connect", "abort-ends-graceful"),
    "no-recovery": ("connect", "abort-while-graceful"),
    "success-before-completion": ("connect", "success-means-completed"),
    "double-completion": ("connect", "pending-is-marked"),
    "pending-not-marked": ("connect", "pending-is-marked"),
    "cancel-ignored": ("connect", "cancel-graceful"),
    "send-completes-when-queued": ("connect", "send-waits-for-acknowledgement"),
    "eof-is-error": ("connect", "end-of-stream"),
    "waitall-returns-part": ("connect", "waitall-waits"),
    "drain-returns-at-once": ("connect", "drain-waits"),
    "graceful-close": ("closing", "close-resets"),
    "close-sends-nothing": ("closing", "close-resets"),
    "close-leaves-receive-pending": ("closing", "close-completes-receive"),
    "close-leaves-send-pending": ("closing", "close-completes-sends"),
    "close-leaves-accept-pending": ("closing", "accept-cancelled"),
    "close-leaves-connect-pending": ("events", "connect-completed"),
    "close-completes-first": ("closing", "close-completes-last"),
    "close-fails": ("closing", "close-of-each"),
    "close-keeps-port": ("closing", "port-is-free-after-close"),
    "close-of-dead-hangs": ("closing", "close-of-dead-socket"),
    "close-resets-another": ("closing", "close-leaves-others"),
    "close-waits-at-dispatch": ("closing", "close-at-dispatch-is-quick"),
    "close-raises-irql": ("closing", "close-keeps-irql"),
    "close-releases-sd": ("closing", "sd-outlives-close"),
    "release-sd-ignored": ("closing", "sd-is-gone-after-release"),
    "listener-close-ends-accepted": ("closing", "accepted-survives-listener"),
    "error-completes-success": ("closing", "refused-with-failure"),
    "error-loses-irp": ("closing", "refused-and-completed"),
    "listener-disconnects": ("closing", "no-disconnect-of-listener"),
    "abort-sends-buffer": ("closing", "no-buffer-with-abort"),
    "dead-disconnect-succeeds": ("connect", "reset-ends-graceful"),
    "deregister-does-not-wait": ("closing", "deregister-waits"),
    "close-before-callback-returns": ("events", "close-waits-for-callback"),
    "callback-after-close": ("events", "no-callback-after-close"),
    "event-without-enable": ("events", "no-disconnect-event-when-disabled"),
    "event-for-local-disconnect": ("events", "no-event-for-own-disconnect"),
    "disconnect-flag-wrong": ("events", "graceful-disconnect-event"),
    "event-below-dispatch": ("events", "callbacks-at-dispatch-one-at-a-time"),
    "disconnect-before-data": ("events", "data-before-disconnect"),
    "disconnect-event-twice": ("events", "graceful-disconnect-event"),
    "disable-does-not-wait": ("events", "disable-waits-for-callback"),
    "combined-disable-accepted": ("events", "no-combined-disable"),
    "silent-mode-sends": ("events", "silent-close"),
    "silent-mode-disconnects": ("events", "silent-disconnect-refused"),
    "leak-socket": ("closing", "WskS"),
    "buf-read-late": ("ending", "buf-may-go"),
    "no-send-after-fin": ("ending", "send-after-peer-fin"),
    "reset-is-eof": ("ending", "reset-fails-receive"),
    "fin-delayed": ("ending", "graceful-is-prompt"),
    "close-leaves-graceful-pending": ("ending", "close-completes-graceful"),
    "close-leaves-datagrams-pending": ("ending", "close-completes-receive-from"),
    "close-leaves-watch-pending": ("ending", "close-completes-watch"),
    "close-in-callback-hangs": ("ending", "close-inside-callback"),
    "close-cancellable": ("ending", "cancelled-close-waits"),
}
# Faults that show only on the wire or when somebody outside acts: the case that does not pass.
_CASES = "tests/guest/cases"
_DISCONNECT = "suites/disconnect"
_CLOSE = "suites/close/test_connection.py"
_POOL = "suites/close/test_pool.py::test_connections_take_no_memory_however_they_ended"
_LISTENERS = "suites/close/test_pool.py::test_listeners_that_were_closed_take_no_memory"
_EACH_SHAPE = f"{_DISCONNECT}/test_buffer.py::test_the_buffer_of_a_disconnect_reaches_the_peer_before_the_fin"
_EVERY_END = "suites/states/test_every_end.py"
_AT_ONCE = "suites/contract/test_many_at_once.py"
_LEFT = "suites/contract/test_indications.py"
_INSIDE = "suites/contract/test_events_inside.py"
_ACCEPTS = "suites/contract/test_accepts.py"
_ADDRESSES = "suites/contract/test_addresses.py"
_REFUSALS = "suites/contract/test_refusals.py"
_CALLBACKS = "suites/close/test_callbacks.py"
_OTHERS = "suites/close/test_other_sockets.py"
_BEHIND = "suites/states/test_behind_our_fin.py"
_WATCHES = "suites/states/test_watches.py"
_LOST = f"{_DISCONNECT}/test_graceful.py::test_what_is_lost_on_its_way_is_sent_until_it_arrives"
_ANYBODYS_IRP = f"{_DISCONNECT}/test_anywhere.py::test_the_irp_of_a_disconnect_completes_once_whoever_made_it"
CAUGHT_BY_CASES = {
    "rst-after-fins": f"{_CASES}/test_driver_events.py::test_a_close_behind_both_fins_is_silent",
    "departure-unnoticed": f"{_CASES}/test_driver_addresses.py::test_a_listener_is_told_once_that_it_is_dead",
    "death-told-twice": f"{_CASES}/test_driver_addresses.py::test_a_listener_is_told_once_that_it_is_dead",
    "release-ends-sockets": f"{_CASES}/test_driver_controls.py::test_sockets_outlive_the_provider_npi",
    "graceful-drops-unread": f"{_DISCONNECT}/test_half_open.py::"
    "test_data_that_came_before_a_graceful_disconnect_is_received_after_it[ipv4-wsk-socket-passive]",
    "graceful-resets-unread": f"{_DISCONNECT}/test_graceful.py::"
    "test_a_graceful_disconnect_is_no_other_with_data_of_the_peer_unread[wsk-socket-passive]",
    "refused-send-leaves": f"{_DISCONNECT}/test_outstanding.py::"
    "test_nothing_is_sent_after_a_graceful_disconnect",
    "graceful-gives-up": f"{_DISCONNECT}/test_outstanding.py::"
    "test_a_disconnect_does_not_give_up_while_the_peer_answers_probes[ipv4]",
    "graceful-pretends": f"{_DISCONNECT}/test_outstanding.py::"
    "test_a_disconnect_does_not_give_up_while_the_peer_answers_probes[ipv6]",
    "close-wait-drops-buffer": f"{_DISCONNECT}/test_buffer.py::"
    "test_the_buffer_goes_out_to_a_peer_that_has_ended_its_direction[wsk-socket-passive]",
    "close-wait-refuses": "suites/close/test_both_ended.py::"
    "test_a_disconnect_before_the_close_ends_the_connection_in_peace[wsk-socket]",
    "close-wait-completes-early": "suites/states/test_matrix.py::test_close_wait_until_the_acknowledgement",
    "second-graceful-pends": "suites/states/test_second_graceful.py",
    "graceful-cancels-sends": f"{_DISCONNECT}/test_outstanding.py::"
    "test_graceful_disconnect_waits_while_the_window_is_closed",
    "empty-mdl-ends-chain": f"{_EACH_SHAPE}[empty-mdls-dual-mode-wsk-socket]",
    "mdls-taken-equal": f"{_EACH_SHAPE}[unequal-mdls-ipv6-wsk-socket-connect]",
    "buffer-cut-at-64k": f"{_EACH_SHAPE}[more-than-64-KiB-ipv4-wsk-socket]",
    "no-fin-after-buffer": f"{_EACH_SHAPE}[one-byte-ipv4-wsk-socket-connect]",
    "buffer-completes-early": f"{_DISCONNECT}/test_held_back.py::"
    "test_graceful_disconnect_completes_only_when_its_buffer_is_acknowledged",
    "buffer-overtakes-sends": f"{_DISCONNECT}/test_buffer.py::"
    "test_sends_under_way_and_the_buffer_go_out_in_order_before_the_fin",
    "cancelled-graceful-succeeds": "suites/contract/test_disconnect_irp.py::"
    "test_a_graceful_disconnect_is_cancelled_while_the_window_is_closed",
    "fin-at-two-places": f"{_DISCONNECT}/test_graceful.py::"
    "test_graceful_disconnect_ends_the_connection[ipv4-wsk-socket]",
    "leak-per-send": f"{_POOL}[peer-fin]",
    "leak-per-refused-send": f"{_POOL}[ours]",
    "leak-per-cancelled-irp": f"{_POOL}[peer-fin]",
    "leak-per-buffer": f"{_POOL}[ours]",
    "leak-after-reset": f"{_POOL}[peer-reset]",
    "leak-per-ended-accept": f"{_LISTENERS}[listen]",
    "leak-with-unread": f"{_POOL}[unread]",
    "leak-with-unaccepted": f"{_LISTENERS}[stream]",
    "leak-after-loss": "suites/close/test_pool.py::test_connections_that_lost_their_address_take_no_memory",
    "leak-at-dispatch": f"{_POOL}[peer-fin]",
    "abort-rst-misplaced": f"{_DISCONNECT}/test_abortive.py::"
    "test_abortive_disconnect_resets_the_connection[ipv4-wsk-socket]",
    "close-rst-misplaced": f"{_CLOSE}::"
    "test_closing_an_established_connection_resets_it[wsk-socket-passive-ipv4]",
    "abort-waits-for-window": f"{_DISCONNECT}/test_aborted.py::"
    "test_an_abortive_disconnect_ends_both_directions_at_once[ipv4-plain]",
    "abort-flushes-first": f"{_DISCONNECT}/test_abortive.py::"
    "test_abortive_disconnect_does_not_wait_for_the_window_to_open[ipv4-passive]",
    "abort-silent-in-fin-wait-2": f"{_DISCONNECT}/test_abortive.py::"
    "test_abortive_disconnect_resets_a_connection_that_nobody_speaks_on[passive]",
    "close-silent-in-fin-wait-2": f"{_CLOSE}::"
    "test_closing_while_the_peers_direction_is_open_resets_the_connection[wsk-socket-passive-ipv4]",
    "close-sends-fin-in-close-wait": f"{_CLOSE}::"
    "test_closing_after_the_peers_fin_alone_resets_the_connection[wsk-socket-passive-ipv4-nothing]",
    "close-leaves-data-in-flight": f"{_CLOSE}::"
    "test_closing_with_data_in_flight_resets_the_connection[wsk-socket-passive]",
    "close-waits-for-fin": f"{_CLOSE}::"
    "test_closing_while_the_peers_direction_is_open_resets_the_connection[wsk-socket-passive-ipv4]",
    "close-completes-before-graceful": "suites/close/test_pending.py::"
    "test_close_completes_a_graceful_disconnect_that_waits_for_its_fin[wsk-socket-passive-ipv4]",
    "abort-leaves-third-receive": f"{_DISCONNECT}/test_aborted.py::"
    "test_an_abortive_disconnect_ends_every_receive_that_is_pending[3-ipv4-passive]",
    "abort-leaves-third-send": f"{_DISCONNECT}/test_aborted.py::"
    "test_an_abortive_disconnect_ends_every_send_that_is_pending[16-ipv4-wsk-socket-connect-passive]",
    "fin-ends-one-receive": f"{_EVERY_END}::test_the_peers_fin[receives-wsk-socket-ipv6]",
    "reset-ends-one-receive": f"{_EVERY_END}::test_the_peers_reset[receives-wsk-socket-ipv6]",
    "giving-up-ends-one-receive": f"{_EVERY_END}::test_the_peers_silence[receives-wsk-socket-ipv6]",
    "given-up-send-succeeds": f"{_EVERY_END}::test_the_peers_silence[send-stream-accept-ipv6]",
    "abort-ends-one-receive": f"{_EVERY_END}::test_an_abortive_disconnect[receives-wsk-socket-ipv6]",
    "close-ends-one-receive": f"{_EVERY_END}::test_a_close_of_a_connection[receives-stream-accept-ipv6]",
    "close-ends-one-accept": f"{_EVERY_END}::test_a_close_of_a_listener[many-listen-ipv6]",
    "close-ends-one-datagram": f"{_EVERY_END}::test_a_close_of_a_datagram_socket[many-ipv6]",
    "cancel-leaves-receive": f"{_EVERY_END}::test_io_cancel_irp_on_a_connection[receive-wsk-socket-ipv4]",
    "cancel-leaves-accept": f"{_EVERY_END}::test_io_cancel_irp_on_a_listener[one-listen-ipv4]",
    "cancel-ends-another": f"{_EVERY_END}::test_io_cancel_irp_on_a_listener[many-listen-ipv6]",
    "cancel-resets": f"{_EVERY_END}::test_a_connection_goes_on_when_a_receive_was_cancelled[wsk-socket-ipv4]",
    "cancel-deafens": f"{_EVERY_END}::test_a_listener_goes_on_when_an_accept_was_cancelled[listen-ipv4]",
    "cancel-loses-data": f"{_EVERY_END}::test_a_connection_goes_on_when_a_receive_was_cancelled"
    "[wsk-socket-ipv4]",
    "event-hides-eof": f"{_AT_ONCE}::test_the_peers_fin_ends_receives_and_brings_the_event"
    "[receive-wsk-socket-ipv4]",
    "receive-hides-disconnect": f"{_AT_ONCE}::test_the_peers_fin_ends_receives_and_brings_the_event"
    "[receive-wsk-socket-ipv4]",
    "receives-newest-first": f"{_AT_ONCE}::test_receives_get_the_stream_in_the_order_of_their_calls"
    "[wsk-socket-ipv4-passive]",
    "waitall-half": "suites/contract/test_receives.py::test_a_receive_that_wants_more"
    "_is_not_content_with_a_part[waitall-wsk-socket-ipv4]",
    "events-overlap": f"{_AT_ONCE}::test_receive_events_of_a_socket_do_not_overlap[wsk-socket-ipv4]",
    "static-event-of-another": f"{_AT_ONCE}::test_a_static_event_comes_for_the_socket_that_it_is_about[ipv4]",
    "static-events-missing": f"{_AT_ONCE}::test_static_events_come_for_connected_sockets[wsk-socket-ipv4]",
    "static-close-does-not-wait": f"{_AT_ONCE}::test_a_close_waits_for_a_static_event_that_is_in_progress"
    "[passive-ipv4]",
    "refused-is-lost": f"{_LEFT}::test_what_was_not_accepted_is_received_before_the_peers_fin"
    "[refused-wsk-socket-ipv4]",
    "rest-is-lost": f"{_LEFT}::test_what_was_not_accepted_is_received_before_the_peers_fin"
    "[in-part-wsk-socket-ipv6]",
    "accepted-comes-again": f"{_LEFT}::test_what_was_not_accepted_is_received_before_the_peers_fin"
    "[in-part-wsk-socket-ipv6]",
    "fin-drops-refused": f"{_LEFT}::test_what_was_not_accepted_is_received_behind_the_peers_fin"
    "[refused-wsk-socket-ipv4]",
    "refused-hides-disconnect": f"{_LEFT}::test_the_peers_fin_is_told_although_data_was_not_accepted"
    "[refused-wsk-socket-ipv4]",
    "refused-comes-again": f"{_LEFT}::test_what_was_not_accepted_is_not_indicated_before_a_receive"
    "[refused-wsk-socket-ipv4]",
    "close-leaks-refused": f"{_LEFT}::test_data_that_was_not_accepted_takes_no_memory_after_the_close"
    "[refused-ipv4]",
    "retained-stops-receive": f"{_LEFT}::test_more_data_is_indicated_while_data_is_retained[wsk-socket-ipv4]",
    "retained-hides-disconnect": f"{_LEFT}::test_the_peers_end_is_told_while_data_is_retained"
    "[fin-wsk-socket-ipv4]",
    "event-after-disable": f"{_INSIDE}::test_no_event_begins_when_it_was_disabled_while_the_peer_sends"
    "[irp-wsk-socket-ipv4]",
    "disable-inside-ignored": f"{_INSIDE}::test_an_event_that_is_disabled_in_its_own_callback_comes_no_more"
    "[irp-wsk-socket-ipv4]",
    "disable-inside-hangs": f"{_INSIDE}::test_an_event_that_is_disabled_in_its_own_callback_comes_no_more"
    "[irp-wsk-socket-ipv4]",
    "disable-takes-all": f"{_INSIDE}::test_disabling_one_event_leaves_the_other[wsk-socket-ipv4]",
    "disconnect-event-of-another": f"{_INSIDE}::test_the_disconnect_event"
    "_comes_for_the_socket_whose_peer_ended[wsk-socket-ipv4]",
    "datagram-after-close": f"{_CALLBACKS}::test_a_close_waits_for_the_callback_that_is_in_progress"
    "[receive-from-passive-ipv4]",
    "accept-completes-twice": f"{_ACCEPTS}::test_each_connection_completes_one_of_the_accepts_that_wait"
    "[listen-ipv4-passive]",
    "accept-swaps-addresses": f"{_ACCEPTS}::test_each_connection_completes_one_of_the_accepts_that_wait"
    "[listen-ipv4-passive]",
    "refusal-ends-accepts": f"{_ACCEPTS}::test_an_accept_waits_on"
    "_when_a_disconnect_of_its_listener_is_refused[graceful-passive-ipv4]",
    "refusal-ends-receives": f"{_REFUSALS}::test_receives_and_sends_wait_on_when_a_call_is_refused"
    "[listen-ipv4]",
    "query-of-ended-hangs": f"{_ADDRESSES}::test_a_query_for_an_address_completes_in_every_state"
    "[close-wait-local-ipv4]",
    "remote-is-local": f"{_ADDRESSES}::test_the_addresses_of_a_connection_are_those_on_the_wire"
    "[wsk-socket-ipv4-passive]",
    "given-up-connect-succeeds": f"{_EVERY_END}::test_nobody_answers_a_connect[stream-connect-ipv4]",
    "cancel-leaves-connect": f"{_EVERY_END}::test_io_cancel_irp_on_a_socket_that_connects"
    "[stream-connect-ipv4]",
    "cancel-leaves-socket-connect": f"{_EVERY_END}::test_io_cancel_irp_on_a_socket_that_is_made_and_connected"
    "[ipv6]",
    "change-ends-one-watch": f"{_WATCHES}::test_an_address_goes[several-ipv4]",
    "connections-watch-nothing": f"{_WATCHES}::test_an_address_goes[connection-ipv6]",
    "cancel-ends-sends-behind": "suites/contract/test_cancelled.py::"
    "test_one_of_several_sends_is_cancelled[first-fits-wsk-socket-ipv4]",
    "retained-holds-fin": "suites/contract/test_left_data.py::"
    "test_a_graceful_disconnect_goes_on_while_data_is_retained[stream-accept-ipv6]",
    "dead-refuse-release": f"{_LEFT}::test_the_peers_end_is_told_while_data_is_retained[rst-wsk-socket-ipv6]",
    "aborted-refuse-release": f"{_LEFT}::test_retained_data_can_be_released_behind_our_own_abort",
    "irp-written-late": f"{_ANYBODYS_IRP}[graceful-allocated-connection-passive]",
    "abort-completes-twice": f"{_ANYBODYS_IRP}[abortive-allocated-stream-dispatch]",
    "disconnect-flag-undefined": "suites/contract/test_disconnect_event.py::"
    "test_levels_of_the_callbacks_of_a_connection_are_as_their_flags_say[ipv4]",
    "cancelled-receive-succeeds": f"{_EVERY_END}::test_io_cancel_irp_on_a_connection"
    "[receive-wsk-socket-ipv4]",
    "fin-sent-once": f"{_LOST}[fin-wsk-socket-ipv4]",
    "data-sent-once": f"{_LOST}[data-wsk-socket-ipv6]",
    "syn-sent-once": f"{_DISCONNECT}/test_lost.py::"
    "test_a_connection_that_began_with_a_loss_is_one_like_others[graceful-wsk-socket-ipv4]",
    "window-not-probed": f"{_DISCONNECT}/test_outstanding.py::"
    "test_graceful_disconnect_goes_on_when_the_window_opens_unheard",
    "late-data-acknowledged": f"{_DISCONNECT}/test_lost.py::"
    "test_what_comes_after_a_reset_that_was_lost_is_not_taken",
    "chain-ignored-when-accepted": f"{_EACH_SHAPE}[empty-mdls-ipv4-stream-accept]",
    "fin-wait-2-reset-leaves-receives": f"{_BEHIND}::"
    "test_the_peers_reset_ends_the_receives_and_brings_the_event",
    "fin-wait-2-reset-untold": f"{_BEHIND}::test_the_peers_reset_ends_the_receives_and_brings_the_event",
    "fin-wait-2-abort-leaves-receives": f"{_BEHIND}::test_an_abort_or_a_close_ends_the_receives"
    "[abortive-wsk-socket-ipv4]",
    "fin-wait-2-close-leaves-receives": f"{_BEHIND}::test_an_abort_or_a_close_ends_the_receives"
    "[close-wsk-socket-ipv6]",
    "fin-wait-2-cancel-ignored": f"{_BEHIND}::test_io_cancel_irp_ends_one_of_the_receives",
    "graceful-completes-others": f"{_DISCONNECT}/test_others.py::"
    "test_a_disconnect_that_completes_leaves_another_waiting[ipv4]",
    "second-abort-hangs": f"{_DISCONNECT}/test_aborted.py::"
    "test_a_disconnect_after_an_abort_is_answered[abortive-wsk-socket-dispatch]",
    "graceful-after-abort-hangs": f"{_DISCONNECT}/test_aborted.py::"
    "test_a_disconnect_after_an_abort_is_answered[graceful-wsk-socket-passive]",
    "accepted-share-a-context": f"{_ACCEPTS}::"
    "test_an_event_comes_for_the_accepted_socket_that_it_is_about[listen-ipv4]",
    "leak-of-ipv6": "suites/close/test_pool.py::"
    "test_connections_that_were_closed_take_no_memory[stream-connect]",
    "leak-per-indication": "suites/close/test_pool.py::test_events_that_came_take_no_memory",
    "leak-per-refused-disconnect": f"{_POOL}[held-back]",
    "receive-drops-buffer": f"{_DISCONNECT}/test_half_open.py::"
    "test_a_receive_that_is_pending_outlives_a_graceful_disconnect",
    "fin-wait-2-times-out": f"{_DISCONNECT}/test_half_open.py::"
    "test_behind_our_fin_a_slow_client_gets_all_that_the_peer_sends",
    "cancelled-graceful-ends-sends": "suites/contract/test_disconnect_irp.py::"
    "test_a_graceful_disconnect_is_cancelled_while_the_window_is_closed",
    "accepted-close-ends-listener": f"{_OTHERS}::"
    "test_a_listener_and_what_it_accepted_outlive_a_close_of_others_that_it_accepted",
    "listener-close-ends-receives": f"{_OTHERS}::test_an_accepted_socket_outlives_its_listener",
    "close-before-inspect-returns": f"{_CALLBACKS}::"
    "test_a_close_waits_for_the_callback_that_is_in_progress[inspect-dispatch-ipv6]",
    "leak-in-silent-mode": f"{_POOL}[ours]",
    "leak-per-failed-connect": "suites/close/test_pool.py::test_sockets_that_did_not_connect_take_no_memory",
    "leak-per-refused-connection": _LISTENERS,
    "leak-when-closed-inside": "suites/close/test_pool.py::test_events_that_came_take_no_memory",
    "close-wait-abort-sends-fin": "suites/states/test_matrix.py::"
    "test_close_wait[abortive-connection-passive-ipv6]",
    "close-with-event-sends-fin": f"{_CLOSE}::"
    "test_closing_resets_whatever_events_are_enabled[both-events-wsk-socket]",
    "close-silent-with-unread": f"{_CLOSE}::"
    "test_closing_after_the_peers_fin_alone_resets_the_connection[wsk-socket-dispatch-ipv6-data]",
    "reset-leaves-buffered-graceful": f"{_EVERY_END}::"
    "test_the_peers_reset[buffered-graceful-wsk-socket-ipv4]",
    "disabled-stays-disabled": "suites/contract/test_disconnect_event.py::"
    "test_the_event_tells_how_the_peer_ended_the_connection[fin-wsk-socket-connect-again-ipv6]",
    "silent-close-resets": "suites/contract/test_silent_mode.py::"
    "test_in_silent_mode_a_socket_can_only_be_closed",
    "accepted-close-does-not-wait": f"{_CALLBACKS}::"
    "test_a_close_waits_for_the_callback_that_is_in_progress[disconnect-passive-ipv6]",
    "graceful-ends-siblings": f"{_OTHERS}::"
    "test_a_listener_and_what_it_accepted_outlive_a_disconnect_of_others[graceful-ipv4]",
    "close-keeps-connecting-port": "suites/close/test_kinds.py::"
    "test_the_port_of_a_socket_that_was_closed_while_it_connected_can_be_bound_again",
    "close-keeps-listeners-port": "suites/close/test_kinds.py::"
    "test_the_port_of_a_listener_that_has_accepted_can_be_bound_again",
    "listener-close-releases-sd": "suites/close/test_descriptors.py::"
    "test_a_descriptor_outlives_the_socket_that_it_was_applied_to[listener-ipv4-passive]",
    "leak-of-cancelled": f"{_POOL}[held-back]",
    "leak-of-accepted-by-event": _LISTENERS,
    "leak-of-unbound": "suites/close/test_pool.py::test_sockets_that_were_closed_take_no_memory[listen]",
}
# What a run says of it: tests/guest/test_trouble.py.
CAUGHT_BY_RUNS = ("no-connect-ex",)
# Their check is a tag of the pool, of which too much is left.
_SEEN_IN_POOL = {"leak-socket"}
_LIMIT_S = 800
_AT_A_TIME = 2

# The work that shows some of them may be given to the very processor that is held: then it is asked again.
_TRIES = 3
_NOT_JUDGED = 3  # the exit status

_BODY = """
async def main():
    mine = Path(sys.argv[1])
    folder = mine.parent
    with Hypervisor() as hypervisor:
        guest = await started(hypervisor)
        ssh = guest.connection
        for path in [folder / "ntload", *folder.glob("*.sys")]:
            await ssh.put(f"/tmp/{path.name}", path.read_bytes())
        await ssh.exec("chmod +x /tmp/ntload")
        number = 0
        for run in (mine / "runs").read_text().split():
            fault, suite, tries, check = run.split(":")
            unload = f"/tmp/ntload {suite}{number} -;" if fault == "none" else ""
            for _ in range(int(tries)):
                number += 1
                done = await ssh.exec(
                    f"echo {fault} > /sys/module/ntlab/parameters/fault; dmesg -c > /dev/null; "
                    f"/tmp/ntload {suite}{number} /tmp/{suite}.sys; {unload} dmesg; "
                    "cat /sys/module/ntlab/parameters/pool",
                    limit=120,
                )
                if f"not ok {check}\\n" in done.stdout.decode():
                    break
            (folder / f"{fault}.{suite}").write_bytes(done.stdout)
        await guest.stop()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what each run said: FAULT.SUITE, in two guests, the conforming runs first."""
    folder = tmp_path_factory.mktemp("drivers")
    build_loader(folder)
    for suite in _SUITES:
        build(suite, folder)
    wanted = [f"none:{suite}:1:" for suite in _SUITES]
    for fault, (suite, check) in CAUGHT.items():
        wanted.append(f"{fault}:{suite}:{1 if fault in _SEEN_IN_POOL else _TRIES}:{check}")
    guests = [folder / "one", folder / "two"]
    for number, guest in enumerate(guests):
        guest.mkdir()
        (guest / "runs").write_text("\n".join(wanted[number :: len(guests)]))
    for lab in [start_lab(_BODY, guest) for guest in guests]:
        finish(lab, limit=_LIMIT_S)
    return folder


def _pool(log: str) -> dict[str, int]:
    """Tag -> blocks in use."""
    return {tag: int(blocks) for tag, blocks in re.findall(r"^(\S{2,4}) +(\d+) \d+$", log, re.MULTILINE)}


@pytest.mark.parametrize("suite", _SUITES)
def test_without_a_fault_every_check_passes_and_nothing_is_left(runs: Path, suite: str) -> None:
    log = (runs / f"none.{suite}").read_text()
    found = verdicts(log, suite)
    assert all(found.values()), log
    expected = {c for f, (its, c) in CAUGHT.items() if its == suite and f not in _SEEN_IN_POOL}
    assert expected <= found.keys()
    assert {tag for tag, blocks in _pool(log).items() if blocks} <= {"dev"}, log


@pytest.mark.parametrize("fault", CAUGHT)
def test_a_fault_is_seen(runs: Path, fault: str) -> None:
    suite, check = CAUGHT[fault]
    log = (runs / f"{fault}.{suite}").read_text()
    if fault in _SEEN_IN_POOL:
        assert _pool(log)[check], log
    else:
        assert verdicts(log, suite).get(check) is False, log


def _performed(fault: str, folder: Path) -> conformance.Ran:
    """Its run; another one when the host was too busy for a verdict."""
    arguments = ["-p", "no:cacheprovider", CAUGHT_BY_CASES[fault], "--fault", fault]
    for _ in range(_TRIES):
        ran = conformance.finish(folder, conformance.start(folder, "pytest", *arguments))
        if ran.status != _NOT_JUDGED:
            break
    return ran


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, conformance.Ran]:
    """The run of each such case with its fault, some of them at a time."""
    folders = [tmp_path_factory.mktemp(fault) for fault in CAUGHT_BY_CASES]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return dict(zip(CAUGHT_BY_CASES, pool.map(_performed, CAUGHT_BY_CASES, folders), strict=True))


@pytest.mark.parametrize("fault", CAUGHT_BY_CASES)
def test_a_fault_is_seen_by_a_case(performed: dict[str, conformance.Ran], fault: str) -> None:
    ran = performed[fault]
    outcomes = {case["outcome"] for case in ran.record["cases"]}
    assert outcomes, ran.output
    assert outcomes <= {"deviation", "hung"}, ran.output


def test_the_cases_that_see_faults_are_of_the_default_run() -> None:
    _, judges = rows_and_cases(opt_in=False)
    default = {case for cases in judges.values() for case in cases}
    for case in CAUGHT_BY_CASES.values():
        assert case.startswith(_CASES) or any(each.startswith(case) for each in default), case


def test_every_fault_has_a_check_that_sees_it() -> None:
    seen = [*CAUGHT, *CAUGHT_BY_CASES, *CAUGHT_BY_RUNS]
    assert sorted(seen) == sorted(find("reference").faults())


def test_every_fault_names_rows_of_the_catalogue() -> None:
    entries = re.findall(
        r'^FAULT\(\w+, "([^"]+)",\s+"([^"]+)",\s+"([^"]+)"\)', _FAULTS.read_text(), re.MULTILINE
    )
    assert len(entries) == len(CAUGHT) + len(CAUGHT_BY_CASES)
    for name, rows, text in entries:
        assert re.fullmatch(r"[CDXS]-\d\d?b?( [CDXS]-\d\d?b?)*( \*)?", rows), name
        assert text, name
