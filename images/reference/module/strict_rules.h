/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What the documents ask of a client of WSK, for the strict mode (wsk_strict.c):
 * RULE(id, "name", BREACH, "what the client owes", "document, section").
 *
 * STOP: a breach is a bug of the client's, and stops the guest with 0xC4. TELL: the suites break it on purpose,
 * to record what becomes of it (rows of class RECORD): a breach is logged and goes on as without the strict mode.
 */
RULE(passive, "passive", STOP, "the address list is asked for, and names are resolved, at PASSIVE_LEVEL",
     "WskControlSocket, Remarks; WskGetAddressInfo and WskGetNameInfo, Requirements, IRQL")
RULE(address_padding, "address-padding", STOP,
     "what an address does not use is zero: sin_zero of IPv4, and sin6_flowinfo of IPv6 without flows",
     "SOCKADDR_IN and SOCKADDR_IN6, Members")
RULE(address_hints, "address-hints", STOP, "hints about an address hold no address, no name, and no further hints",
     "GetAddrInfoExW, Parameters, pHints, of which WskGetAddressInfo's Hints are")
RULE(basic_socket, "basic-socket", STOP, "a basic socket has neither a context nor a dispatch table",
     "WskSocket, Parameters, SocketContext and Dispatch")
RULE(size_beside_irp, "size-beside-irp", STOP, "OutputSizeReturned is NULL where there is an IRP",
     "WskControlSocket, Parameters, OutputSizeReturned")
RULE(no_input, "no-input", STOP, "InputSize is zero where InputBuffer is NULL",
     "WskControlSocket, Parameters, InputBuffer")
RULE(client_irp, "client-irp", STOP,
     "security descriptors and static events are controlled without an IRP",
     "WSK_CACHE_SD, WSK_RELEASE_SD and WSK_SET_STATIC_EVENT_CALLBACKS, Parameters, Irp")
RULE(enable_irp, "enable-irp", TELL, "events are enabled without an IRP", "SO_WSK_EVENT_CALLBACK, Remarks")
RULE(disable_one, "disable-one", TELL, "one event is disabled at a time",
     "Enabling and Disabling Event Callback Functions, Disabling")
RULE(abortive_buffer, "abortive-buffer", TELL, "an abortive disconnect has no buffer",
     "WskDisconnect, Parameters, Buffer")
RULE(buf_in_mdls, "buf-in-mdls", TELL, "a WSK_BUF lies within its MDLs", "WSK_BUF, Members, Length and Offset")
