/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Other ways of keeping every promise, any number of them at a time, by name. No suite may blame one.
 *
 * FREEDOM(id, "name", "rows of the catalogue that it touches", "what is open, and by whose words",
 *         "what it does")
 *
 * The words: the reference page of the function that is named; "IRPs" is the guide's page on using IRPs with
 * Winsock Kernel functions, "events" its page on enabling and disabling event callback functions; RFCs by
 * number. "nobody" says that no document has a word on it.
 */

/* ---- Where results come ---- */

FREEDOM(inline_results, "inline-results", "D-10 C-04 X-01 X-02",
	"IRPs: a function that can finish at once may return STATUS_SUCCESS, its IRP completed",
	"what can be done within a call below DISPATCH_LEVEL completes inline, a close too")
FREEDOM(inline_close, "inline-close", "C-04 C-05",
	"WskCloseSocket, return value: STATUS_SUCCESS or STATUS_PENDING",
	"a close below DISPATCH_LEVEL succeeds inline, unless a callback is in progress")
FREEDOM(pending_abort, "pending-abort", "D-10 D-11 D-28",
	"WskDisconnect, return value: STATUS_SUCCESS or STATUS_PENDING",
	"an abortive disconnect always returns STATUS_PENDING")
FREEDOM(pending_refusals, "pending-refusals", "D-14 X-01",
	"WskDisconnect, return value: STATUS_PENDING, and the IRP has the final status, whatever that is",
	"what is refused returns STATUS_PENDING, and its IRP completes with the failure")
FREEDOM(completions_nested, "completions-nested", "D-10 D-11 C-04 C-05 X-01 X-02",
	"IRPs: a driver that returns STATUS_PENDING completes the IRP before that, or after it",
	"what completes within its call returns STATUS_PENDING all the same")
FREEDOM(completions_at_passive, "completions-at-passive", "X-02",
	"IRPs: a completion routine is called at DISPATCH_LEVEL or below, in whatever thread",
	"completion routines run in a thread at PASSIVE_LEVEL")
FREEDOM(completions_late_at_passive, "completions-late-at-passive", "D-11 C-05 X-02",
	"IRPs: a pending IRP completes later; no document says how much",
	"completion routines run in a thread at PASSIVE_LEVEL, up to 20 ms late")
FREEDOM(completions_late_at_dispatch, "completions-late-at-dispatch", "D-11 C-05 X-02",
	"IRPs: a pending IRP completes later; no document says how much",
	"completion routines run at DISPATCH_LEVEL, up to 20 ms late")
FREEDOM(slow_calls, "slow-calls", "D-33 C-21",
	"nobody: how long a call takes that waits for nothing, on a machine that is busy",
	"each call below DISPATCH_LEVEL takes 20 ms")

FREEDOM(completions_elsewhere, "completions-elsewhere", "X-01 X-02",
	"IRPs: a completion routine is called at DISPATCH_LEVEL or below, in whatever thread",
	"completion routines run on another processor than what they complete")
FREEDOM(cancels_inline, "cancels-inline", "X-17 X-18 X-49 S-16",
	"IoCancelIrp: the cancel routine runs within it, and may complete the IRP",
	"IoCancelIrp, below DISPATCH_LEVEL, completes what it cancels before it returns")
FREEDOM(connects_late, "connects-late", "X-02 D-01",
	"WskConnect: the IRP completes when the connection is made; not how soon",
	"a connect completes 200 ms after the connection was made")
FREEDOM(accepts_late, "accepts-late", "X-22 X-23 X-45 C-11",
	"WskAccept: the IRP completes when a connection is accepted; not how soon after the peer has it",
	"an accept completes 200 ms after the connection was made")
FREEDOM(receives_late, "receives-late", "X-16 X-17 D-20",
	"WskReceive, remarks: it completes with as many bytes as are available; not how soon",
	"a receive completes 100 ms after it could have, with what has come by then")
FREEDOM(graceful_late, "graceful-late", "D-11 D-22",
	"WskDisconnect, remarks: the IRP completes when the transport has fully completed the disconnect; not how soon",
	"a graceful disconnect completes 300 ms after its FIN was acknowledged")
FREEDOM(aborts_late, "aborts-late", "D-07 D-28",
	"WskDisconnect, return value: STATUS_SUCCESS or STATUS_PENDING; not how soon the IRP completes",
	"an abortive disconnect resets at once, and completes 300 ms later")
FREEDOM(closes_late, "closes-late", "C-05 C-11",
	"WskCloseSocket, return value: STATUS_SUCCESS or STATUS_PENDING; not how soon the IRP completes",
	"a close resets at once; all that it ends completes 300 ms later, and it last")
FREEDOM(sockets_freed_late, "sockets-freed-late", "C-01 C-16",
	"WskCloseSocket, remarks: the memory of the socket is deallocated; not how soon after the IRP completes",
	"the memory of a socket is freed 500 ms after its close has completed")
FREEDOM(close_begins_late, "close-begins-late", "C-05 C-10 C-11 C-12 C-17 C-18 D-25 S-15",
	"WskCloseSocket, return value: STATUS_PENDING, it could not close the socket immediately; not how soon it does",
	"a close does nothing for 100 ms, then resets, and ends what is pending")
FREEDOM(races, "races", "C-11 C-12 C-12b D-26 X-12",
	"nobody: what other processors do between two steps of the provider's",
	"the provider pauses by chance wherever others may come between, and goes on on any processor; races:SEED draws others")

FREEDOM(calls_return_late, "calls-return-late", "D-33 C-07 C-21",
	"nobody: how soon a call returns once its work is done, on a machine that is busy",
	"each call below DISPATCH_LEVEL returns 20 ms after its work was done")
FREEDOM(irps_vary, "irps-vary", "D-10 D-11 C-04 C-05 X-01",
	"IRPs: a function completes its IRP within its call or later; nobody says that it is always the same",
	"whether an IRP completes within its call, and what the call returns then, is now so, now so")
FREEDOM(cancels_late, "cancels-late", "X-17 X-18 S-05 S-16",
	"IoCancelIrp: the IRP completes later; how soon is not said",
	"what IoCancelIrp ends completes 300 ms later")
FREEDOM(statuses_vary, "statuses-vary", "C-11 D-12 D-14 D-15 D-19 D-26 D-27 D-29 D-30 X-06 X-32",
	"nobody: that what is ended, refused or broken fails with the same status each time",
	"what is ended, refused or broken fails with another status each time")

/* ---- Statuses and Information ---- */

FREEDOM(refusals_name_connection, "refusals-name-connection", "D-06 D-15 D-19 D-29 D-30 X-29 S-01 S-02 S-05",
	"WskDisconnect, return value: other status codes, an error has occurred; which one is not said",
	"what a socket cannot do in its state is refused with STATUS_CONNECTION_INVALID")
FREEDOM(refusals_name_parameter, "refusals-name-parameter", "D-06 D-15 D-19 D-29 D-30 X-29 S-01 S-02 S-05",
	"WskDisconnect, return value: other status codes, an error has occurred; which one is not said",
	"what a socket cannot do in its state is refused with STATUS_INVALID_PARAMETER")
FREEDOM(refusals_with_two_statuses, "refusals-with-two-statuses", "D-12 D-14 D-19 D-29 X-14 S-10",
	"WskDisconnect, return value: an error has occurred, the IRP completes with failure status; with which one is not said",
	"the IRP of a send or disconnect that is refused fails with STATUS_UNSUCCESSFUL, whatever the call returns")
FREEDOM(bad_parameters_are_requests, "bad-parameters-are-requests", "D-05 D-06 X-13",
	"WskDisconnect, return value: other status codes, an error has occurred; which one is not said",
	"flags and buffers that may not be, and several events disabled at once, are STATUS_INVALID_DEVICE_REQUEST")
FREEDOM(aborted_is_forced_closed, "aborted-is-forced-closed", "D-12 D-29 D-30",
	"WskDisconnect, return value: STATUS_FILE_FORCED_CLOSED, the socket is no longer functional; when is not said",
	"calls on a socket that its client has aborted are refused with STATUS_FILE_FORCED_CLOSED")
FREEDOM(dead_tells_why, "dead-tells-why", "D-12 D-14 X-06 S-09",
	"WskDisconnect, return value: other status codes, an error has occurred; which one is not said",
	"calls on a socket whose connection has broken fail with what broke it, not STATUS_FILE_FORCED_CLOSED")
FREEDOM(ended_is_cancelled, "ended-is-cancelled", "D-26 D-27 D-30 X-17",
	"WskDisconnect, remarks: pending transmits are cancelled, a pending disconnect completes; statuses are not said",
	"an abort ends everything with STATUS_CANCELLED")
FREEDOM(ended_is_local_disconnect, "ended-is-local-disconnect", "D-26 D-27 D-30 X-17",
	"WskDisconnect, remarks: pending transmits are cancelled, a pending disconnect completes; statuses are not said",
	"an abort ends everything with STATUS_LOCAL_DISCONNECT")
FREEDOM(closed_is_aborted, "closed-is-aborted", "C-11 D-26",
	"WskCloseSocket, remarks: pending IRPs are cancelled and completed; their statuses are not said",
	"a close ends everything but accepts with STATUS_CONNECTION_ABORTED")
FREEDOM(closed_is_forced_closed, "closed-is-forced-closed", "C-11 D-26",
	"WskCloseSocket, remarks: pending IRPs are cancelled and completed; their statuses are not said",
	"a close ends everything but accepts with STATUS_FILE_FORCED_CLOSED")
FREEDOM(reset_is_remote_disconnect, "reset-is-remote-disconnect", "X-06 X-32 D-26",
	"nobody: with which status the peer's reset ends what is pending",
	"the peer's reset ends everything with STATUS_REMOTE_DISCONNECT")
FREEDOM(reset_is_forced_closed, "reset-is-forced-closed", "X-06 X-32 D-26",
	"nobody: with which status the peer's reset ends what is pending",
	"the peer's reset ends everything with STATUS_FILE_FORCED_CLOSED")
FREEDOM(information_of_abort, "information-of-abort", "D-28 X-26",
	"WskDisconnect: Information is not mentioned",
	"the Information of an abortive disconnect is a number that means nothing")
FREEDOM(information_of_close, "information-of-close", "C-01 C-05 C-06",
	"WskCloseSocket: Information is not mentioned",
	"the Information of a close is a number that means nothing")
FREEDOM(information_of_failures, "information-of-failures", "D-05 D-14 D-19 D-27 D-30",
	"IRPs: Information belongs to the result of a function that succeeds",
	"the Information of an IRP that failed is a number that means nothing")
FREEDOM(information_of_disconnect, "information-of-disconnect", "X-26",
	"WskDisconnect: Information is not mentioned",
	"the Information of a graceful disconnect is the number of bytes of its buffer")
FREEDOM(abort_completes_receives, "abort-completes-receives", "D-30 X-17",
	"WskReceive, WSK_FLAG_WAITALL: the request completes when the connection is aborted; its status is not said",
	"an abort completes receives with success and what they have")
FREEDOM(close_completes_receives, "close-completes-receives", "C-11 X-17",
	"WskCloseSocket, remarks: pending IRPs are cancelled and completed; their statuses are not said",
	"a close completes receives with success and what they have")
FREEDOM(second_graceful_joins, "second-graceful-joins", "D-15 S-04 S-05 S-07 S-08",
	"nobody: what a second graceful disconnect does",
	"a second graceful disconnect without a buffer completes with the first, and sends nothing")
FREEDOM(disconnect_of_nothing_succeeds, "disconnect-of-nothing-succeeds", "D-15 S-01 S-02",
	"WskDisconnect, remarks: it is for connected sockets; what it does to others is not said",
	"a disconnect of a socket that is not connected, or was aborted, succeeds and does nothing")
FREEDOM(disconnect_of_dead_succeeds, "disconnect-of-dead-succeeds", "D-12 X-06 S-09",
	"WskDisconnect, return value: STATUS_FILE_FORCED_CLOSED is one of several; when it is given is not said",
	"a disconnect of a socket that the peer has reset succeeds")
FREEDOM(abort_ignores_buffer, "abort-ignores-buffer", "D-05",
	"WskDisconnect, Buffer: must be NULL with WSK_FLAG_ABORTIVE; what else happens is not said",
	"an abortive disconnect with a buffer is one without")
FREEDOM(flags_ignored, "flags-ignored", "D-06",
	"WskDisconnect, Flags: zero or WSK_FLAG_ABORTIVE; what others do is not said",
	"flags that are not defined are ignored")
FREEDOM(reset_completes_waiting, "reset-completes-waiting", "X-17 S-12",
	"WskReceive, WSK_FLAG_WAITALL: the request completes when the connection is aborted; its status is not said",
	"the peer's reset completes receives that want more with success and what they have")
FREEDOM(eof_once, "eof-once", "X-16",
	"nobody: what a receive does that is called when an earlier one has found the end of the stream",
	"the end of the stream is told once; the next receive fails with STATUS_CONNECTION_DISCONNECTED")

/* ---- Order ---- */

FREEDOM(newest_first, "newest-first", "D-27 C-11",
	"WskCloseSocket, remarks: pending IRPs are completed; in which order is not said",
	"what an abort or a close ends completes newest first")
FREEDOM(accepts_newest_first, "accepts-newest-first", "X-45",
	"WskAccept: which of several that wait gets a connection is not said",
	"the newest of the accepts that wait gets the next connection")
FREEDOM(cancel_leaves_sends, "cancel-leaves-sends", "S-16",
	"IoCancelIrp: whether a driver cancels what is under way is its own",
	"IoCancelIrp does nothing to a send")
FREEDOM(receives_first, "receives-first", "D-27 C-11",
	"WskCloseSocket, remarks: pending IRPs are completed; in which order is not said",
	"what an abort or a close ends completes receives first")
FREEDOM(sends_together, "sends-together", "D-18 X-15",
	"WskSend, remarks: the IRP completes when all data has actually been sent; not how soon",
	"sends that were acknowledged complete together, 100 ms after the first of them was")
FREEDOM(graceful_before_sends, "graceful-before-sends", "D-17 D-18 D-18b",
	"WskDisconnect, remarks: data is sent before the disconnect; in which order their IRPs complete is not said",
	"a graceful disconnect completes before the sends that were asked for earlier")
FREEDOM(graceful_after_both_fins, "graceful-after-both-fins", "D-22 D-11 D-26",
	"WskDisconnect, remarks: the IRP completes when the transport has fully completed the disconnect",
	"a graceful disconnect completes when both FINs are acknowledged")
FREEDOM(cancelled_send_aborts, "cancelled-send-aborts", "S-16",
	"nobody: what becomes of a connection of whose stream a send is cancelled",
	"cancelling a send aborts the connection")
FREEDOM(cancel_aborts, "cancel-aborts", "X-18",
	"nobody: what becomes of a connection whose graceful disconnect is cancelled",
	"cancelling a graceful disconnect aborts the connection")
FREEDOM(short_receives, "short-receives", "X-16 X-17",
	"WskReceive, remarks: it completes with as many bytes as are available, up to the buffer's length",
	"a receive without WSK_FLAG_WAITALL takes no more than 1000 bytes")

/* ---- Events ---- */

FREEDOM(events_late, "events-late", "X-03 X-07",
	"WskReceiveEvent, remarks: it is not always called at once when data has arrived",
	"each event callback comes 300 ms late")
FREEDOM(events_at_passive, "events-at-passive", "X-04",
	"WskDisconnectEvent, Flags: without WSK_FLAG_AT_DISPATCH_LEVEL the level is DISPATCH_LEVEL or below",
	"event callbacks run in a thread at PASSIVE_LEVEL, and without that flag")
FREEDOM(indications_by_byte, "indications-by-byte", "X-07 D-20",
	"WskReceiveEvent, DataIndication: how much data a call shows is not said",
	"the first 16 bytes of a connection are indicated one at a time")
FREEDOM(indications_by_segment, "indications-by-segment", "X-07 D-20",
	"WskReceiveEvent, DataIndication: how much data a call shows is not said",
	"no more than 1460 bytes are indicated at a time")
FREEDOM(indications_chained, "indications-chained", "X-07 X-09",
	"WskReceiveEvent, DataIndication: a linked list of WSK_DATA_INDICATION structures",
	"data is indicated in a list of up to four structures")
FREEDOM(indications_of_two_mdls, "indications-of-two-mdls", "X-07",
	"WSK_BUF: a chain of MDLs, with an offset into the first",
	"each indication has two MDLs of unequal length, the first of them with an offset")
FREEDOM(events_while_closing, "events-while-closing", "C-12 C-12b X-19 X-24",
	"WskCloseSocket, remarks: callbacks in progress return before the socket is closed; not that none starts",
	"up to two event callbacks that are due start between a close's call and completion, WskAbortEvent among them")

/* ---- TCP ---- */

FREEDOM(rst_twice, "rst-twice", "D-07 C-17",
	"RFC 9293, 3.5.2: a reset is sent, and no segment is delivered for certain, nor only once",
	"each RST of a connection leaves twice")
FREEDOM(rst_without_ack, "rst-without-ack", "D-07 C-17",
	"RFC 9293, 3.10.5: an abort sends <SEQ=SND.NXT><CTL=RST>",
	"the RST of an abort or a close has no ACK flag")
FREEDOM(endings_leave_late, "endings-leave-late", "D-01 D-07 D-22 D-28 C-17 S-03 S-05 S-14 S-15",
	"nobody: how long a segment takes from TCP to the wire, and whether an IRP waits for that",
	"a FIN or RST of a connection leaves 50 ms after TCP has sent it")
FREEDOM(arrivals_late, "arrivals-late", "D-12 D-22 C-17 C-18 X-03 S-11 S-12",
	"nobody: how long a segment takes from the wire to TCP, in a network card that waits for more, or a busy guest",
	"TCP gets each segment 50 ms after it came")
FREEDOM(late_segments_unanswered, "late-segments-unanswered", "D-30 C-17",
	"nobody: a connection's endpoint may outlive it, and take what comes for it",
	"segments that come for a connection after its RST are not answered")
FREEDOM(rst_in_last_ack, "rst-in-last-ack", "C-18b S-07",
	"RFC 9293, 3.10.5, against WskCloseSocket's always abortive",
	"an abort or close in LAST-ACK or CLOSING sends RST")
FREEDOM(rst_of_unread_data, "rst-of-unread-data", "C-18",
	"RFC 1122, 4.2.2.13: a connection that is closed with data unread should be reset",
	"a close sends RST when data is left unread, although both FINs were exchanged")
FREEDOM(fin_alone, "fin-alone", "D-03 D-17 X-31",
	"RFC 9293, 3.10.4: a FIN is sent when all before it was; with the last of it, or alone",
	"a FIN leaves when all data before it was sent, in a segment of its own")
FREEDOM(fin_with_data, "fin-with-data", "D-03 D-17",
	"RFC 9293, 3.10.4: a FIN is sent when all before it was; with the last of it, or alone",
	"the last segment of a disconnect's buffer carries the FIN")
FREEDOM(fin_twice, "fin-twice", "D-01 D-08",
	"RFC 9293, 3.8.1: segments may be sent again",
	"each FIN leaves twice")
FREEDOM(segments_twice, "segments-twice", "X-14 S-10 D-17 X-15",
	"RFC 9293, 3.8.1: segments may be sent again",
	"each segment without FIN and RST leaves twice, that of a handshake too")
FREEDOM(acks_before_endings, "acks-before-endings", "D-01 D-07 C-17",
	"RFC 9293, 3.10.7.4: an ACK may be sent at any time, also to tell of a window",
	"an ACK without data precedes each FIN and each RST")
FREEDOM(probes_with_data, "probes-with-data", "D-18b D-19 D-23 D-24 D-27 C-17 S-12 S-13 S-14 X-18 X-32",
	"RFC 9293, 3.8.6.1: a closed window is probed with an octet of new data, if there is any",
	"a probe of a closed window carries the first octet that waits for it to open")
FREEDOM(keepalives, "keepalives", "D-01 D-23",
	"RFC 1122, 4.2.3.6: an implementation may send keep-alives",
	"connections that are idle send keep-alives each second")
FREEDOM(keepalives_with_byte, "keepalives-with-byte", "D-01 D-23",
	"RFC 1122, 4.2.3.6: a keep-alive may carry an octet of garbage",
	"connections that are idle send keep-alives each second, with an octet of garbage")
FREEDOM(no_nagle, "no-nagle", "X-31", "RFC 9293, 3.7.4: an algorithm that should be there can be off",
	"small segments do not wait for acknowledgements")
FREEDOM(ecn, "ecn", "", "RFC 3168, 6.1.1: a SYN may ask for it", "TCP asks for explicit congestion notification")
FREEDOM(hops_128, "hops-128", "", "RFC 1122, 3.2.1.7: any hop limit that is large enough",
	"packets have a hop limit of 128")
FREEDOM(no_timestamps, "no-timestamps", "",
	"RFC 7323, 1.3: optional", "TCP has no timestamps")
FREEDOM(no_sack, "no-sack", "", "RFC 2018, 2: optional", "TCP has no selective acknowledgements")
FREEDOM(mss_536, "mss-536", "", "RFC 9293, 3.7.1: the default of MSS", "TCP has segments of 536 bytes")
FREEDOM(window_scale_8, "window-scale-8", "", "RFC 7323, 2.2: 0 to 14", "TCP has a window scale of 8")
FREEDOM(no_window_scale, "no-window-scale", "", "RFC 7323, 1.3: optional", "TCP does not scale its window")
FREEDOM(window_8k, "window-8k", "D-20", "RFC 9293, 3.8.6: any window", "TCP has a receive window of 8 KiB or less")
FREEDOM(delayed_ack_200ms, "delayed-ack-200ms", "", "RFC 9293, 3.8.6.3: up to 0.5 s, and each second segment",
	"an ACK of data that nothing else carries is sent 200 ms late, if no second one comes")
FREEDOM(delayed_ack_of_fin, "delayed-ack-of-fin", "C-18 S-06 X-16", "RFC 9293, 3.8.6.3: up to 0.5 s",
	"the ACK of the peer's FIN is 200 ms late, and so are others that nothing else carries")
FREEDOM(no_push, "no-push", "D-03 X-31", "RFC 9293, 3.9.1.2: a TCP may be without a PUSH call",
	"no segment has the PSH flag")
FREEDOM(rto_300ms, "rto-300ms", "", "RFC 6298, 2.4: a minimum of 1 s should be kept, and is not",
	"TCP retransmits after 300 ms at the earliest")
FREEDOM(rto_1s, "rto-1s", "", "RFC 6298, 2.4: a minimum of 1 s should be kept",
	"TCP retransmits after 1 s at the earliest")
FREEDOM(syn_again_at_1s, "syn-again-at-1s", "C-17", "RFC 6298, 2.1: 1 s, and then the double",
	"a SYN that is not answered is sent again after 1 s, then after 2 more")
FREEDOM(syn_again_at_3s, "syn-again-at-3s", "C-17", "RFC 6298, 2.1: 1 s should be taken; 3 s was before",
	"a SYN that is not answered is sent again after 3 s")
FREEDOM(refused_connect_2s, "refused-connect-2s", "C-17",
	"RFC 9293, 3.10.7.3: an RST ends SYN-SENT; who tries again is free to",
	"a connect that is refused is tried again each 0.5 s, and fails after 2 s")
FREEDOM(time_wait_120s, "time-wait-120s", "S-08", "RFC 9293, 3.4.2: an MSL of 2 minutes, TIME-WAIT of two",
	"TIME-WAIT lasts 120 s")
FREEDOM(ports_49152, "ports-49152", "C-01", "RFC 6056, 3.2: ephemeral ports from 49152 on, as IANA has them",
	"ports that nobody names are from 49152 to 65535")
FREEDOM(ports_again, "ports-again", "C-01 C-16", "RFC 6056, 3.3: which of the ports that are free is the host's choice",
	"a port that nobody names is the lowest that is free, so that the last connection's comes again at once")
FREEDOM(sequence_wraps, "sequence-wraps", "", "RFC 9293, 3.4: the numbers go round",
	"the sequence numbers of a connect begin just below 2^32")
FREEDOM(stealth, "stealth", "X-23 C-17", "nobody: a firewall may drop what TCP answers",
	"no RST leaves that answers a segment for which there is no socket")

/* ---- The guest ---- */

FREEDOM(ticks_15ms, "ticks-15ms", "",
	"KeDelayExecutionThread, remarks: an interval ends with a tick of the system's timer",
	"delays, time-outs and timers end with a tick each 15.6 ms")
FREEDOM(qpc_10mhz, "qpc-10mhz", "", "KeQueryPerformanceCounter, PerformanceFrequency: ticks per second",
	"the performance counter has 10 MHz, and is 100 ppm fast")
FREEDOM(processor_1, "processor-1", "", "nobody: how many processors a guest has", "the guest has one processor")
FREEDOM(processors_4, "processors-4", "", "nobody: how many processors a guest has", "the guest has four processors")
FREEDOM(noise, "noise", "", "nobody: a host talks for itself on its networks",
	"the guest sends what a Windows host sends by itself: LLMNR, mDNS, SSDP, NetBIOS, DHCPv6, ARP, neighbour discovery")

/* ---- The most plausible of each, together ---- */

FREEDOM(windows_like, "windows-like", "", "as each of its parts", "what Windows most plausibly does")
PART(windows_like, ended_is_cancelled)
PART(windows_like, closed_is_aborted)
PART(windows_like, refusals_name_connection)
PART(windows_like, dead_tells_why)
PART(windows_like, information_of_disconnect)
PART(windows_like, abort_ignores_buffer)
PART(windows_like, indications_by_segment)
PART(windows_like, indications_chained)
PART(windows_like, events_while_closing)
PART(windows_like, no_timestamps)
PART(windows_like, window_scale_8)
PART(windows_like, delayed_ack_200ms)
PART(windows_like, rto_300ms)
PART(windows_like, syn_again_at_1s)
PART(windows_like, refused_connect_2s)
PART(windows_like, time_wait_120s)
PART(windows_like, ports_49152)
PART(windows_like, stealth)
PART(windows_like, ticks_15ms)
PART(windows_like, qpc_10mhz)
PART(windows_like, noise)
