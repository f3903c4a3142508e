/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Wrong behaviours of the WSK provider, one at a time, by name:
 * FAULT(id, "name", "rows that it breaks", "what it does"). A star behind the rows: it spoils what so many scenes
 * are made of that any other row may be broken too.
 */
FAULT(rst_on_graceful, "rst-on-graceful",
      "D-01 D-03 D-04 D-08 D-11 D-15 D-16 D-17 D-18b D-20 D-21 D-22 D-23 D-24 D-25 D-26 D-33 C-10 C-11 C-17 C-18 C-18b C-19 X-18 X-21 X-41 S-03 S-04 S-05 S-06 S-07 S-08 S-11 S-12 S-13 S-14 S-15 S-16 *",
      "a graceful disconnect sends RST where it owes FIN")
FAULT(fin_before_data, "fin-before-data", "D-03 D-16 D-17 D-18 D-22 X-25 X-26 S-13",
      "FIN leaves at once; the disconnect's buffer is never sent")
FAULT(graceful_close, "graceful-close",
      "D-02 D-05 D-06 D-25 D-26 D-31 C-11 C-17 X-14 X-21 S-03 S-04 S-05 S-06 S-10 S-15 X-03",
      "closing a connected socket sends FIN where it owes RST")
FAULT(close_leaves_receive_pending, "close-leaves-receive-pending",
      "C-01 C-16 C-10 C-11 C-12b C-13 X-44 S-05 S-13 S-14 S-15 S-16",
      "a receive is not completed by close")
FAULT(lost_irp, "lost-irp",
      "D-01 D-03 D-04 D-08 D-10 D-11 D-15 D-16 D-17 D-18b D-20 D-21 D-22 D-23 D-24 D-25 D-26 D-28 D-33 C-10 C-11 C-12 C-17 C-18 C-18b C-21 X-01 X-02 X-10 X-11 X-12 X-41 X-44 X-45 X-49 S-04 S-05 S-07 S-08 S-11 S-12 S-13 S-14 S-15 S-16 *",
      "the IRP of a graceful disconnect is never completed")
FAULT(irp_waits_for_thread, "irp-waits-for-thread",
      "D-01 D-03 D-04 D-08 D-10 D-11 D-15 D-16 D-17 D-18b D-20 D-21 D-22 D-23 D-24 D-25 D-26 D-28 D-33 C-10 C-11 C-12 C-17 C-18 C-18b X-01 X-02 X-10 X-12 X-34 X-41 S-04 S-05 S-07 S-08 *",
      "the IRP of a graceful disconnect is completed when the thread ends that asked for it, not before")
FAULT(complete_before_fin_ack, "complete-before-fin-ack",
      "D-02 D-11 D-18b D-22 D-23 S-11 S-12 S-14 S-15 S-16 S-04 S-06 S-07 X-32",
      "a graceful disconnect completes before its FIN is acknowledged")
FAULT(no_connect_ex, "no-connect-ex", "", "the tables of an older WSK, which has no WskConnectEx")
FAULT(no_fin, "no-fin",
      "D-01 D-03 D-04 D-08 D-15 D-16 D-24 D-25 D-26 C-10 C-11 C-17 C-18b X-10 X-12 X-18 X-26 X-31 X-45 X-49 S-03 S-04 S-05 S-06 S-07 S-11 S-12 S-14 S-15 S-16 *",
      "a graceful disconnect completes and sends nothing")
FAULT(buffer_cut, "buffer-cut", "D-03 D-17 D-22 D-16", "the last byte of the disconnect's buffer is not sent")
FAULT(offset_ignored, "offset-ignored", "D-03", "a buffer is taken from the beginning of its first MDL")
FAULT(chain_ignored, "chain-ignored", "D-03 D-17", "only the first MDL of a chain is used")
FAULT(graceful_ends_both, "graceful-ends-both", "D-20 D-20b D-21 X-41 X-42 X-44 S-13 *",
      "a graceful disconnect ends the receiving side too")
FAULT(graceful_cancels_receive, "graceful-cancels-receive", "D-20b X-41 X-44 S-13 X-18 S-16",
      "a graceful disconnect cancels the receives that are pending")
FAULT(dead_disconnect_succeeds, "dead-disconnect-succeeds",
      "D-18 D-26 X-32 S-12",
      "a graceful disconnect that the peer's reset ends completes with success")
FAULT(late_send_succeeds, "late-send-succeeds", "D-19 D-29 D-17", "a send after a disconnect completes with success")
FAULT(receive_after_abort, "receive-after-abort", "D-30", "a receive after an abortive disconnect succeeds")
FAULT(abort_sends_fin, "abort-sends-fin",
      "D-07 D-16 D-28 S-14 X-03",
      "an abortive disconnect sends FIN")
FAULT(abort_sends_nothing, "abort-sends-nothing", "D-07 D-16 D-28 S-14 X-03", "an abortive disconnect sends nothing")
FAULT(abort_sends_buffer, "abort-sends-buffer", "D-05", "an abortive disconnect with a buffer sends it and FIN")
FAULT(abort_waits, "abort-waits",
      "D-07 D-10 D-11 D-16 D-27 D-28 D-30 X-01 X-02 X-03 X-10 X-11 X-12 S-04 S-14 *",
      "an abortive disconnect does not complete before the socket is closed")
FAULT(abort_leaves_sends, "abort-leaves-sends",
      "D-27 D-28 D-30 S-14",
      "an abortive disconnect leaves sends pending")
FAULT(aborted_send_succeeds, "aborted-send-succeeds",
      "D-27 D-28 D-30 S-14",
      "a send that an abort cancelled reports success")
FAULT(abort_loses_graceful, "abort-loses-graceful", "D-23 D-24 D-26 S-14 D-09",
      "the graceful disconnect that an abort ends is never completed")
FAULT(no_recovery, "no-recovery",
      "D-24 D-26 S-07 S-14",
      "an abortive disconnect is refused while a graceful one is pending")
FAULT(success_before_completion, "success-before-completion",
      "D-10 D-11 X-01 X-02",
      "an abortive disconnect returns success before its IRP completes")
FAULT(error_completes_success, "error-completes-success",
      "D-05 D-12 D-13 D-14 D-15 X-10 X-14 X-44 S-02 S-05 S-08",
      "a refused disconnect returns the error but completes its IRP with success")
FAULT(error_loses_irp, "error-loses-irp",
      "D-12 D-13 D-14 X-03 X-10 X-44 S-04 D-09",
      "a refused disconnect does not complete its IRP")
FAULT(listener_disconnects, "listener-disconnects",
      "D-15 X-29 X-44",
      "a disconnect of a listening stream socket succeeds")
FAULT(double_completion, "double-completion",
      "D-09 D-24 D-25 D-26 C-03 C-10 C-11 C-18b X-32 S-07 S-11 S-12 S-14 S-15 S-16 *",
      "the IRP of a graceful disconnect is completed twice")
FAULT(pending_not_marked, "pending-not-marked",
      "D-10 D-11 C-04 C-05 X-01 X-02",
      "a call returns pending, its IRP is not marked so")
FAULT(cancel_ignored, "cancel-ignored", "X-18 S-16", "IoCancelIrp does nothing to a graceful disconnect")
FAULT(close_fails, "close-fails",
      "C-01 C-03 C-04 C-05 C-06 C-12 C-16 C-20 C-21 C-22 X-10 X-46 X-48 S-15 S-17",
      "a close of a datagram socket completes with an error")
FAULT(close_keeps_port, "close-keeps-port", "C-01", "a closed socket keeps its local port")
FAULT(leak_socket, "leak-socket", "C-01 C-16", "the memory of a closed socket is not freed")
FAULT(close_resets_another, "close-resets-another",
      "D-02 C-02 C-12 C-21 X-10 X-15 X-22 *",
      "a close resets other connections too")
FAULT(close_completes_first, "close-completes-first",
      "D-25 D-26 C-07 C-08 C-09 C-10 C-11 C-12 C-12b C-13 C-17 C-18b X-12 X-23 X-10 X-11 S-15 X-50",
      "a close completes before the operations it cancels")
FAULT(close_leaves_send_pending, "close-leaves-send-pending",
      "C-07 C-08 C-09 C-10 C-11 C-12 C-12b C-13 C-17 C-21 X-10 X-44 S-11 S-13 S-15",
      "a send is not completed by close")
FAULT(close_leaves_accept_pending, "close-leaves-accept-pending",
      "C-11 X-23 X-46 S-15 S-16 S-17",
      "an accept is not completed by close")
FAULT(close_leaves_connect_pending, "close-leaves-connect-pending",
      "C-11 C-17 X-46 S-15 C-01 C-16",
      "a connect is not completed by close")
FAULT(close_of_dead_hangs, "close-of-dead-hangs",
      "D-12 D-13 D-14 D-24 D-26 D-33 C-05 C-06 C-12 C-21 X-06 X-10 X-11 X-03 X-42 X-46 S-12 S-17 *",
      "a socket that the peer has reset never closes")
FAULT(close_sends_nothing, "close-sends-nothing",
      "D-25 D-26 D-31 C-11 C-17 X-21 S-03 S-04 S-05 S-06 S-10 S-15 X-03",
      "closing a connected socket sends nothing")
FAULT(close_waits_at_dispatch, "close-waits-at-dispatch", "C-21", "a close at DISPATCH_LEVEL takes 50 ms to return")
FAULT(close_raises_irql, "close-raises-irql",
      "C-01 C-03 C-04 C-05 C-06 C-10 C-11 C-12 C-12b C-16 C-20 C-21 C-22 X-10 X-12 X-19 X-48 *",
      "a close of a datagram socket returns at DISPATCH_LEVEL")
FAULT(close_releases_sd, "close-releases-sd",
      "C-14 C-15",
      "a close releases the security descriptor")
FAULT(release_sd_ignored, "release-sd-ignored",
      "C-14 C-15",
      "WSK_RELEASE_SD succeeds and releases nothing")
FAULT(close_before_callback_returns, "close-before-callback-returns",
      "C-11 C-12 C-12b C-21 X-12 X-19 X-10 X-48",
      "a close completes while a callback is in progress")
FAULT(callback_after_close, "callback-after-close",
      "C-11 C-12 C-12b C-13 C-21 X-10 X-19 X-03 X-16 X-41 X-42 X-48 *",
      "a callback starts after the close has completed")
FAULT(listener_close_ends_accepted, "listener-close-ends-accepted",
      "C-02 X-22",
      "closing a listener resets what it accepted")
FAULT(event_without_enable, "event-without-enable", "X-03", "the disconnect event comes without being enabled")
FAULT(event_for_local_disconnect, "event-for-local-disconnect", "X-03 X-41 S-12",
      "the disconnect event comes for the client's own disconnect")
FAULT(disconnect_flag_wrong, "disconnect-flag-wrong",
      "X-03 X-07 X-12 X-16 X-41 X-42 X-48 S-12 X-45",
      "the disconnect event takes FIN for RST and RST for FIN")
FAULT(event_below_dispatch, "event-below-dispatch", "X-04", "callbacks say DISPATCH_LEVEL and run below it")
FAULT(disconnect_before_data, "disconnect-before-data", "X-07", "the disconnect event comes before the data")
FAULT(disconnect_event_twice, "disconnect-event-twice",
      "D-20 X-03 X-07 X-32 X-12 X-16 X-41 X-42 X-48 S-12 X-45",
      "the disconnect event comes twice")
FAULT(disable_does_not_wait, "disable-does-not-wait",
      "C-11 C-12 X-12 X-10",
      "disabling an event succeeds while its callback is in progress")
FAULT(combined_disable_accepted, "combined-disable-accepted", "X-13 X-44", "several events may be disabled in one call")
FAULT(silent_mode_sends, "silent-mode-sends", "X-14", "a connection in silent mode sends")
FAULT(silent_mode_disconnects, "silent-mode-disconnects", "X-14", "a connection in silent mode may be disconnected")
FAULT(send_completes_when_queued, "send-completes-when-queued",
      "D-27 D-30 X-15 X-32 X-44 S-11 S-12 S-13 S-14 S-15",
      "a send completes before it is acknowledged")
FAULT(eof_is_error, "eof-is-error", "X-16 D-20b S-11", "a receive at the end of the stream fails")
FAULT(waitall_returns_part, "waitall-returns-part",
      "X-17 X-49 S-11 S-12 S-13 S-14 S-15 S-16 D-20 D-20b D-21",
      "a WAITALL receive completes with part of its buffer")
FAULT(drain_returns_at_once, "drain-returns-at-once",
      "X-17 X-16 S-11 S-12 S-13 S-14 S-15 S-16",
      "a DRAIN receive completes before the stream ends")
FAULT(departure_unnoticed, "departure-unnoticed",
      "D-12 D-13 D-14 X-08 S-17",
      "a socket lives on when its address is taken from the guest")
FAULT(death_told_twice, "death-told-twice", "X-08", "a dead socket's client hears of it twice")
FAULT(rst_after_fins, "rst-after-fins", "C-18 C-19 S-08", "a close sends RST although both directions are closed")
FAULT(buf_read_late, "buf-read-late", "X-25", "the WSK_BUF structure is read after the call has returned")
FAULT(fin_delayed, "fin-delayed", "X-31", "the FIN of a graceful disconnect leaves 0.8 s late")
FAULT(no_send_after_fin, "no-send-after-fin", "X-05", "a send is refused once the peer's FIN has come")
FAULT(reset_is_eof, "reset-is-eof", "X-06 S-12 S-17", "a receive that a reset ends succeeds with 0 bytes")
FAULT(close_leaves_datagrams_pending, "close-leaves-datagrams-pending",
      "C-10 C-11 S-15 S-16 S-17",
      "a WskReceiveFrom or WskSendTo is not completed by close")
FAULT(close_leaves_watch_pending, "close-leaves-watch-pending",
      "C-10 C-11 X-50 C-01 C-16",
      "an SIO_ADDRESS_LIST_CHANGE is not completed by close")
FAULT(change_ends_one_watch, "change-ends-one-watch", "X-50",
      "of the SIO_ADDRESS_LIST_CHANGEs that are pending only the first completes when the list changes")
FAULT(connections_watch_nothing, "connections-watch-nothing", "X-50",
      "an SIO_ADDRESS_LIST_CHANGE of a connection socket is not completed by a change of the list")
FAULT(close_leaves_graceful_pending, "close-leaves-graceful-pending",
      "D-25 D-26 C-10 C-11 C-18b X-44 S-11 S-13 S-15",
      "a graceful disconnect is not completed by close")
FAULT(close_in_callback_hangs, "close-in-callback-hangs",
      "C-11 C-12 C-12b C-21 X-10 X-12 X-19 X-48 C-01 C-16",
      "a close that is called while an event callback is in progress never completes")
FAULT(close_cancellable, "close-cancellable",
      "C-12 X-19",
      "cancelling a close completes it while a callback is in progress")
FAULT(fin_ends_one_receive, "fin-ends-one-receive", "S-11",
      "of the receives that are pending at the peer's FIN only the first completes")
FAULT(event_hides_eof, "event-hides-eof", "X-03 X-16 X-41",
      "the peer's FIN does not complete a receive where the disconnect event is enabled")
FAULT(reset_ends_one_receive, "reset-ends-one-receive", "S-12 X-03",
      "of the receives that are pending at the peer's RST only the first completes")
FAULT(giving_up_ends_one_receive, "giving-up-ends-one-receive", "S-18",
      "of the receives that are pending when TCP gives up only the first completes")
FAULT(given_up_send_succeeds, "given-up-send-succeeds", "S-18",
      "a send whose data nobody acknowledges succeeds when TCP gives up")
FAULT(given_up_connect_succeeds, "given-up-connect-succeeds", "S-18",
      "a connect whose SYN nobody answers succeeds when TCP gives up")
FAULT(abort_ends_one_receive, "abort-ends-one-receive", "S-14 S-05 S-15",
      "an abortive disconnect completes only the first of the receives that are pending")
FAULT(close_ends_one_receive, "close-ends-one-receive", "C-10 C-11 C-12b C-13 S-15 S-05 S-14 S-16",
      "a close completes only the first of the receives that are pending")
FAULT(close_ends_one_accept, "close-ends-one-accept", "S-15 X-23",
      "a close completes only the first of the accepts that are pending")
FAULT(close_ends_one_datagram, "close-ends-one-datagram", "C-10 C-11 S-15",
      "a close completes only the first of the WskReceiveFroms that are pending")
FAULT(receives_newest_first, "receives-newest-first", "X-34 X-47",
      "the newest of the receives that are pending gets the data")
FAULT(waitall_half, "waitall-half", "X-17 X-34 X-47 D-20 D-20b D-21", "a WAITALL receive is content with half of its buffer")
FAULT(cancel_leaves_receive, "cancel-leaves-receive", "X-17 S-05 S-16", "IoCancelIrp does nothing to a receive")
FAULT(cancel_leaves_connect, "cancel-leaves-connect", "S-16", "IoCancelIrp does nothing to a connect")
FAULT(cancel_leaves_socket_connect, "cancel-leaves-socket-connect", "S-16", "IoCancelIrp does nothing to a WskSocketConnect")
FAULT(cancel_leaves_accept, "cancel-leaves-accept", "S-16", "IoCancelIrp does nothing to an accept")
FAULT(cancel_ends_another, "cancel-ends-another", "S-05 S-16", "IoCancelIrp ends the oldest operation of the kind")
FAULT(cancel_ends_sends_behind, "cancel-ends-sends-behind", "S-16", "cancelling a send ends those behind it")
FAULT(cancel_resets, "cancel-resets", "S-05 S-16", "cancelling a receive resets the connection")
FAULT(cancel_deafens, "cancel-deafens", "S-16", "cancelling an accept ends the listening")
FAULT(cancel_loses_data, "cancel-loses-data", "S-16", "the first byte that comes after a receive was cancelled is lost")
FAULT(refused_is_lost, "refused-is-lost", "X-41", "data that a receive event refused is lost")
FAULT(rest_is_lost, "rest-is-lost", "X-41", "what a receive event left of its data is lost")
FAULT(accepted_comes_again, "accepted-comes-again", "X-34 X-41",
      "data of which a receive event took a part comes again from its beginning")
FAULT(refused_comes_again, "refused-comes-again", "X-41", "data that was refused is indicated again at once")
FAULT(fin_drops_refused, "fin-drops-refused", "X-41", "the peer's FIN drops what a receive event did not accept")
FAULT(close_leaks_refused, "close-leaks-refused", "C-16", "a close does not free data that was refused")
FAULT(retained_stops_receive, "retained-stops-receive", "X-42", "no data is indicated while the client retains some")
FAULT(retained_hides_disconnect, "retained-hides-disconnect", "X-03 X-42",
      "the disconnect event does not come while the client retains data")
FAULT(retained_holds_fin, "retained-holds-fin", "X-42", "a graceful disconnect waits until nothing is retained")
FAULT(dead_refuse_release, "dead-refuse-release", "X-42 X-03 S-17 S-18",
      "WskRelease fails once the connection has died")
FAULT(aborted_refuse_release, "aborted-refuse-release", "X-42",
      "WskRelease fails once the client has aborted the connection")
FAULT(refused_hides_disconnect, "refused-hides-disconnect", "X-03",
      "the disconnect event does not come once data was refused")
FAULT(receive_hides_disconnect, "receive-hides-disconnect", "X-03 X-16",
      "the disconnect event does not come where a receive has told of the FIN")
FAULT(event_after_disable, "event-after-disable", "X-12", "a receive event that was disabled comes once more")
FAULT(disable_inside_ignored, "disable-inside-ignored", "X-12",
      "an event that is disabled while its callback is in progress stays enabled")
FAULT(disable_inside_hangs, "disable-inside-hangs", "X-12",
      "the IRP of a disable does not complete when the callback has returned")
FAULT(disable_takes_all, "disable-takes-all", "X-03 X-12 C-01 C-16", "disabling one event disables all of the socket's")
FAULT(events_overlap, "events-overlap", "X-40", "a receive event begins while another is in progress")
FAULT(disconnect_event_of_another, "disconnect-event-of-another", "X-03 X-12 X-45 S-12 X-10",
      "the disconnect event comes with another socket's context")
FAULT(static_event_of_another, "static-event-of-another", "X-48 C-12",
      "a static event of a datagram socket comes with another's context")
FAULT(static_events_missing, "static-events-missing", "D-20 X-03 X-48", "static events of connections are not enabled")
FAULT(static_close_does_not_wait, "static-close-does-not-wait", "C-12 X-48",
      "the close of a socket with static events completes while a callback is in progress")
FAULT(datagram_after_close, "datagram-after-close", "C-12 C-12b X-12 X-48",
      "an event callback of a datagram socket starts after its close has completed")
FAULT(accept_completes_twice, "accept-completes-twice", "X-01 X-45 X-02", "the IRP of an accept is completed twice")
FAULT(accept_swaps_addresses, "accept-swaps-addresses", "X-45", "an accept tells the local address for the remote one")
FAULT(refusal_ends_accepts, "refusal-ends-accepts", "X-44",
      "a disconnect of a listening stream socket is refused, and ends its accepts")
FAULT(refusal_ends_receives, "refusal-ends-receives", "X-44",
      "WskListen or WskAccept of a connection is refused, and ends its receives")
FAULT(query_of_ended_hangs, "query-of-ended-hangs", "X-46 X-10",
      "WskGetLocalAddress and WskGetRemoteAddress do not complete once the peer has ended the connection")
FAULT(remote_is_local, "remote-is-local", "X-46", "WskGetRemoteAddress tells the local address")
FAULT(release_ends_sockets, "release-ends-sockets",
      "C-17 X-21",
      "releasing the provider NPI ends the client's connections")
FAULT(deregister_does_not_wait, "deregister-does-not-wait", "X-20",
      "WskDeregister returns while sockets are open")
FAULT(graceful_drops_unread, "graceful-drops-unread",
      "D-20 D-21 X-41",
      "a graceful disconnect throws away what has come and was not received")
FAULT(graceful_resets_unread, "graceful-resets-unread", "D-08 D-20",
      "a graceful disconnect with data of the peer's unread sends RST where it owes FIN")
FAULT(refused_send_leaves, "refused-send-leaves", "D-19",
      "a send that is refused after a graceful disconnect leaves all the same")
FAULT(graceful_gives_up, "graceful-gives-up", "D-23",
      "a graceful disconnect fails after 2 s, although the peer answers")
FAULT(graceful_pretends, "graceful-pretends", "D-23",
      "a graceful disconnect succeeds after 5 s, although its data has not left")
FAULT(close_wait_drops_buffer, "close-wait-drops-buffer", "D-03 D-17",
      "the buffer of a graceful disconnect is not sent once the peer's FIN has come")
FAULT(close_wait_refuses, "close-wait-refuses", "C-18 C-19 S-06 X-05 D-03 D-17 D-01",
      "a graceful disconnect is refused once the peer's FIN has come")
FAULT(close_wait_completes_early, "close-wait-completes-early", "S-06",
      "a graceful disconnect behind the peer's FIN completes before its own is acknowledged")
FAULT(second_graceful_pends, "second-graceful-pends", "D-15 X-44 S-04 S-05 S-07 S-08 D-09",
      "a second graceful disconnect pends until the close")
FAULT(graceful_cancels_sends, "graceful-cancels-sends", "D-17 D-18 D-18b S-13 D-03 X-18 X-31 S-16",
      "a graceful disconnect cancels the sends that are pending")
FAULT(empty_mdl_ends_chain, "empty-mdl-ends-chain", "D-03", "an MDL of no bytes ends its chain")
FAULT(mdls_taken_equal, "mdls-taken-equal", "D-03", "no MDL of a chain is taken to be longer than the first")
FAULT(buffer_cut_at_64k, "buffer-cut-at-64k", "D-03", "of the disconnect's buffer no more than 64 KiB are sent")
FAULT(no_fin_after_buffer, "no-fin-after-buffer", "D-03 D-16 D-17 D-20b D-22 D-33", "a graceful disconnect with a buffer sends no FIN")
FAULT(buffer_completes_early, "buffer-completes-early", "D-22",
      "a graceful disconnect with a buffer completes before anything of it is acknowledged")
FAULT(buffer_overtakes_sends, "buffer-overtakes-sends", "D-17 D-03",
      "the disconnect's buffer leaves before sends that were asked for earlier")
FAULT(cancelled_graceful_succeeds, "cancelled-graceful-succeeds", "X-18 S-16",
      "a graceful disconnect that is cancelled completes with success")
FAULT(fin_at_two_places, "fin-at-two-places", "D-01 D-03 D-17 *",
      "a FIN is sent again, behind its place")
FAULT(abort_rst_misplaced, "abort-rst-misplaced", "D-07 D-16 D-31 D-33 X-30 X-03",
      "the RST of an abortive disconnect is not in the peer's window")
FAULT(close_rst_misplaced, "close-rst-misplaced", "D-31 C-17 X-21 X-03", "the RST of a close is not in the peer's window")
FAULT(abort_waits_for_window, "abort-waits-for-window", "D-23 D-24 D-26 D-27 D-28",
      "an abortive disconnect waits until no send is pending")
FAULT(abort_flushes_first, "abort-flushes-first", "D-27 D-28",
      "an abortive disconnect gives sends that are pending up to 0.8 s to leave")
FAULT(abort_silent_in_fin_wait_2, "abort-silent-in-fin-wait-2", "D-07 S-05",
      "an abortive disconnect in FIN-WAIT-2 sends no RST but in answer to what the peer sends later")
FAULT(close_silent_in_fin_wait_2, "close-silent-in-fin-wait-2", "C-17 S-05",
      "a close in FIN-WAIT-2 sends no RST but in answer to what the peer sends later")
FAULT(close_sends_fin_in_close_wait, "close-sends-fin-in-close-wait", "C-17 S-06",
      "a close sends FIN where it owes RST, once the peer's FIN has come")
FAULT(close_leaves_data_in_flight, "close-leaves-data-in-flight", "C-17",
      "a close with data in flight completes, and its data and a FIN go on being sent")
FAULT(close_waits_for_fin, "close-waits-for-fin", "C-17 D-31 S-05 S-16",
      "a close in FIN-WAIT-2 waits for the peer's FIN")
FAULT(close_completes_before_graceful, "close-completes-before-graceful",
      "C-10 C-11 C-12 C-18b D-25 D-26 X-10 X-12",
      "a close completes before the graceful disconnect that it ends")
FAULT(abort_leaves_third_receive, "abort-leaves-third-receive", "D-30 S-05 S-14 S-15",
      "an abort leaves the third of the receives that are pending to the close")
FAULT(abort_leaves_third_send, "abort-leaves-third-send", "D-27 S-14",
      "an abort leaves the third of the sends that are pending to the close")
FAULT(leak_per_send, "leak-per-send", "C-01 C-16 X-41", "each send that completes leaves memory behind")
FAULT(leak_per_refused_send, "leak-per-refused-send", "C-01 C-16", "each send that is refused leaves memory behind")
FAULT(leak_per_cancelled_irp, "leak-per-cancelled-irp", "C-01 C-16", "each IRP that is cancelled leaves memory behind")
FAULT(leak_per_buffer, "leak-per-buffer", "C-01 C-16", "each disconnect with a buffer leaves memory behind")
FAULT(leak_after_reset, "leak-after-reset", "C-01 C-16",
      "the memory of a socket is not freed when the peer has reset the connection")
FAULT(leak_per_ended_accept, "leak-per-ended-accept", "C-01 C-16",
      "each accept that a close ends leaves memory behind")
FAULT(leak_with_unread, "leak-with-unread", "C-01 C-16",
      "the memory of a socket is not freed when data of the peer's was left unread")
FAULT(leak_with_unaccepted, "leak-with-unaccepted", "C-01 C-16",
      "the memory of a listener is not freed when connections were left that nobody accepted")
FAULT(leak_after_loss, "leak-after-loss", "C-01 C-16",
      "the memory of a socket is not freed when its local address was taken from the guest")
FAULT(leak_at_dispatch, "leak-at-dispatch", "C-01 C-16",
      "the memory of a socket that was connected is not freed when it is closed at DISPATCH_LEVEL")
FAULT(irp_written_late, "irp-written-late", "D-09",
      "the status of a graceful disconnect's IRP is written once more after its completion")
FAULT(abort_completes_twice, "abort-completes-twice", "D-09 X-01 X-02",
      "the IRP of an abortive disconnect at DISPATCH_LEVEL is completed twice")
FAULT(disconnect_flag_undefined, "disconnect-flag-undefined", "X-04",
      "the disconnect event has a flag that nobody defines")
FAULT(cancelled_receive_succeeds, "cancelled-receive-succeeds", "S-16 X-17",
      "a receive that is cancelled succeeds with no bytes, as at the end of the stream")
FAULT(fin_sent_once, "fin-sent-once", "D-03 D-16 D-22", "a FIN that is lost on its way is not sent again")
FAULT(data_sent_once, "data-sent-once", "D-03 D-16 D-22", "data that is lost on its way is not sent again")
FAULT(syn_sent_once, "syn-sent-once", "D-16", "a SYN that is lost on its way is not sent again")
FAULT(window_not_probed, "window-not-probed", "D-18b", "a window that is closed is not probed: who opens it has to say so")
FAULT(late_data_acknowledged, "late-data-acknowledged", "D-30 C-17 X-14",
      "data that comes for a connection that was aborted or closed is acknowledged")
FAULT(chain_ignored_when_accepted, "chain-ignored-when-accepted", "D-03",
      "of a disconnect's chain only the first MDL is used, on a socket that was accepted")
FAULT(fin_wait_2_reset_leaves_receives, "fin-wait-2-reset-leaves-receives", "S-12 X-03",
      "receives that are pending behind the own FIN are not completed by the peer's RST")
FAULT(fin_wait_2_reset_untold, "fin-wait-2-reset-untold", "S-12 X-03",
      "the disconnect event does not come for a RST behind the own FIN")
FAULT(fin_wait_2_abort_leaves_receives, "fin-wait-2-abort-leaves-receives", "S-05 S-14 S-15",
      "an abort behind the own FIN leaves receives pending")
FAULT(fin_wait_2_close_leaves_receives, "fin-wait-2-close-leaves-receives", "S-05 S-14 S-15 S-16",
      "a close behind the own FIN does not complete the receives that are pending")
FAULT(fin_wait_2_cancel_ignored, "fin-wait-2-cancel-ignored", "S-05 S-16",
      "IoCancelIrp does nothing to a receive behind the own FIN")
FAULT(graceful_completes_others, "graceful-completes-others", "D-02 D-22",
      "a graceful disconnect that completes ends those of the client's other sockets, too")
FAULT(second_abort_hangs, "second-abort-hangs", "D-15 D-09", "an abortive disconnect after an abort is never completed")
FAULT(graceful_after_abort_hangs, "graceful-after-abort-hangs", "D-15 D-09",
      "a graceful disconnect after an abort is never completed")
FAULT(accepted_share_a_context, "accepted-share-a-context", "X-03 X-45",
      "events of every socket that a listener accepts come with the context of the first")
FAULT(leak_of_ipv6, "leak-of-ipv6", "C-01 C-16", "the memory of a socket that was connected over IPv6 is not freed")
FAULT(leak_per_indication, "leak-per-indication", "C-01 C-16", "each receive event leaves memory behind")
FAULT(leak_per_refused_disconnect, "leak-per-refused-disconnect", "C-01 C-16",
      "each disconnect that is refused leaves memory behind")
FAULT(receive_drops_buffer, "receive-drops-buffer", "D-03",
      "the buffer of a graceful disconnect is not sent while a receive is pending")
FAULT(fin_wait_2_times_out, "fin-wait-2-times-out", "D-20",
      "a connection whose FIN was acknowledged is reset when the peer has not ended it 3 s later")
FAULT(cancelled_graceful_ends_sends, "cancelled-graceful-ends-sends", "X-18 S-16",
      "cancelling a graceful disconnect ends the sends that were asked for before it")
FAULT(accepted_close_ends_listener, "accepted-close-ends-listener", "C-02",
      "closing a socket that a listener accepted ends the listening")
FAULT(listener_close_ends_receives, "listener-close-ends-receives", "C-02 X-22",
      "closing a listener ends the receives of what it accepted")
FAULT(close_before_inspect_returns, "close-before-inspect-returns", "C-12 C-12b C-21",
      "a close of a listener completes while it is asked about a connection")
FAULT(leak_in_silent_mode, "leak-in-silent-mode", "C-01 C-16",
      "the memory of a socket is not freed when it was in silent mode")
FAULT(leak_per_failed_connect, "leak-per-failed-connect", "C-01 C-16", "each connect that fails leaves memory behind")
FAULT(leak_per_refused_connection, "leak-per-refused-connection", "C-01 C-16",
      "each connection that an accept event refuses leaves memory behind")
FAULT(leak_when_closed_inside, "leak-when-closed-inside", "C-01 C-16",
      "the memory of a socket is not freed when it is closed in an event callback")
FAULT(close_wait_abort_sends_fin, "close-wait-abort-sends-fin", "S-06",
      "an abortive disconnect sends FIN where it owes RST, once the peer's FIN has come")
FAULT(close_with_event_sends_fin, "close-with-event-sends-fin", "C-17",
      "a close sends FIN where it owes RST while the receive event is enabled")
FAULT(close_silent_with_unread, "close-silent-with-unread", "C-17",
      "a close behind the peer's FIN with data unread sends no RST but in answer to what the peer sends later")
FAULT(reset_leaves_buffered_graceful, "reset-leaves-buffered-graceful", "S-12",
      "a graceful disconnect with a buffer whose FIN has left is not completed by the peer's RST")
FAULT(disabled_stays_disabled, "disabled-stays-disabled", "X-03 X-07",
      "the disconnect event does not come when it was disabled and enabled again")
FAULT(silent_close_resets, "silent-close-resets", "X-14",
      "the close of a connection in silent mode sends RST if a receive is pending")
FAULT(accepted_close_does_not_wait, "accepted-close-does-not-wait", "C-12 C-12b C-21 X-19",
      "the close of a socket that an event accepted completes while a callback is in progress")
FAULT(graceful_ends_siblings, "graceful-ends-siblings", "D-02",
      "a graceful disconnect sends the FINs of all that the same listener has accepted")
FAULT(close_keeps_connecting_port, "close-keeps-connecting-port", "C-01",
      "a socket that is closed while it connects keeps its local port")
FAULT(close_keeps_listeners_port, "close-keeps-listeners-port", "C-01",
      "a listener that has accepted keeps its port when it is closed")
FAULT(listener_close_releases_sd, "listener-close-releases-sd", "C-14 C-15",
      "a close of a listener releases the security descriptor")
FAULT(leak_of_cancelled, "leak-of-cancelled", "C-01 C-16",
      "the memory of a socket is not freed when a graceful disconnect of it was cancelled")
FAULT(leak_of_accepted_by_event, "leak-of-accepted-by-event", "C-01 C-16",
      "the memory of a socket that an event accepted is not freed")
FAULT(leak_of_unbound, "leak-of-unbound", "C-01 C-16", "the memory of a socket that was never bound is not freed")
