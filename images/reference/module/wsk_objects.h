/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What the provider keeps for its clients: sockets, the operations that wait on them, the events to be told.
 *
 * A socket's operations wait in one list and are driven by one work item, so nothing of a socket ever runs
 * twice at a time and the TCP below may sleep, whatever the IRQL of the caller was. Completions go through
 * one tasklet and events through one of the socket's own: both arrive at DISPATCH_LEVEL, in the order they
 * were decided.
 */
#ifndef WSK_OBJECTS_H
#define WSK_OBJECTS_H

#include <linux/interrupt.h>
#include <linux/in6.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/workqueue.h>

#include "ntlab_internal.h"
#include "wsk_types.h"

struct descriptor;
struct wsk_client;
struct wsk_indication;
struct wsk_socket;

enum wsk_kind {
	WSK_CREATE,
	WSK_BIND,
	WSK_LISTEN,
	WSK_CONNECT,
	WSK_ACCEPT,
	WSK_SEND,
	WSK_RECEIVE,
	WSK_SEND_TO,
	WSK_RECEIVE_FROM,
	WSK_GRACEFUL,
	WSK_ABORT,
	WSK_CALL,		/* something small that TCP has to be asked in process context */
	WSK_DISABLE,		/* an event whose callback is in progress */
	WSK_WATCH,		/* waits for what close or cancellation brings, or another address list */
	WSK_CLOSE,
};

/* What a datagram is to leave with, as its control information says. */
struct wsk_leaving {
	bool from;			/* `source` says something */
	struct in6_addr source;		/* IPv4's mapped; the wildcard leaves it to the guest */
	u32 interface;			/* 0: any */
	bool ecn_given, hops_given, whole_given;
	u8 ecn;
	u8 hops;
	bool whole;			/* not in fragments */
};

/* What a socket wants of one version of IP. */
struct wsk_ip_wishes {
	/* Control information that its datagrams come with. */
	bool destination;
	bool hop_limit;
	bool traffic_class;
	bool ecn;
	/* How its datagrams leave. */
	bool whole;
	u8 hops;	/* 0: the guest's own */
};

/* Where an operation that is tried within its call leaves its result. */
struct wsk_result {
	struct wsk_operation *op;	/* NULL once it has ended */
	bool known;
	NTSTATUS status;
	u64 information;
	struct wsk_socket *closed;	/* the socket ends with it */
};

/* How far a connection is on its way to its end, as faults tell it apart. */
enum wsk_phase { PHASE_OTHER, PHASE_IN_FLIGHT, PHASE_FIN_WAIT_2, PHASE_CLOSE_WAIT };

struct wsk_operation {
	struct list_head list;
	struct irp *irp;
	enum wsk_kind kind;
	struct wsk_result *result;	/* while its call lasts and may give it; socket's lock */
	bool started;
	u8 before;		/* how many of its kind were pending when it was asked for */
	u8 tries;		/* WSK_CONNECT: how often it was refused */
	unsigned long retry_at;	/* likewise: jiffies of the next, 0 for none */
	unsigned long due;	/* for faults: jiffies when it is given up, 0 for not yet */
	unsigned long begins;	/* a close, or what was cancelled: jiffies when anything is done, 0 for not known yet */
	bool queued;		/* every byte is with TCP, `end_sequence` is known */
	bool cancelled;		/* IoCancelIrp came: the work item completes it */
	bool on_accepted;	/* for a fault: the socket is one that a listener accepted */
	bool after_eof;		/* WSK_RECEIVE: asked for when the end of the stream had been told */
	u32 flags;
	struct wsk_buf buf;	/* the caller's own may be gone once the call returned */
	const struct wsk_buf *late;	/* for a fault: the caller's own */
	u64 done;		/* bytes of it sent or received */
	struct wsk_buf *more;	/* WSK_SEND_TO: datagrams behind `buf`; the operation's own */
	u32 more_count;
	u64 sent;		/* likewise: bytes of the datagrams before it */
	struct wsk_leaving leaving;	/* likewise */
	void *control;		/* WSK_RECEIVE_FROM: where control information goes, how much, how it came */
	u32 *control_length;
	u32 control_room;
	u32 *control_flags;
	u32 end_sequence;	/* of its last byte, once all is sent */
	u32 event;		/* WSK_DISABLE: which one */
	bool in_callback;	/* WSK_CLOSE: a callback was in progress when it was asked for */
	struct sockaddr_storage local, remote;
	struct wsk_sockaddr *local_out, *remote_out;
	void *accept_context;
	const void *accept_dispatch;
	NTSTATUS (*call)(struct wsk_socket *ws, struct wsk_operation *op, u64 *information);
	u32 level, argument;	/* of `call` */
	void *output;		/* likewise: where its answer goes */
	u64 output_size;
	u64 *size_out;
};

/* An event that is to be told, or is being. */
struct wsk_event {
	u32 kind;		/* WSK_EVENT_*, 0 for none */
	struct wsk_indication *indication;
	struct wsk_socket *incoming;
	struct wsk_sockaddr local, remote;
	struct wsk_inspect_id inspect_id;
	u32 flags;
	u64 size;
};

struct wsk_socket {
	const void *dispatch;	/* what WSK_SOCKET shows; first */
	struct hlist_node live;
	struct wsk_client *client;
	u32 category;		/* WSK_FLAG_*_SOCKET */
	u16 type;		/* Linux has the same numbers */
	void *context;
	const void *events;	/* the client's table, as the category has it */
	struct socket *sock;
	struct conn_callbacks {
		void (*state_change)(struct sock *sk);
		void (*data_ready)(struct sock *sk);
		void (*write_space)(struct sock *sk);
		void (*error_report)(struct sock *sk);
	} saved;		/* the socket's own, put back when it is released */
	int family;		/* Linux's */
	struct work_struct work;
	struct delayed_work wake;	/* queues `work` */
	struct work_struct free_work;
	atomic_t holds;		/* threads that do its work within a call */
	atomic_t freed;		/* its memory is to go */
	struct mutex mutex;	/* the work item, or an abort inside the caller */
	spinlock_t lock;	/* operations, flags, event */
	struct list_head operations;
	int error;		/* what ended the connection, a positive errno */
	bool bound;
	bool listening;
	bool connecting;
	bool connected;		/* a connect has succeeded */
	bool disconnecting;	/* a graceful disconnect was asked for */
	bool fin_sent;
	bool fin_withheld;	/* for faults: nothing, or a RST, was */
	bool sends_held;	/* until `sends_due`, in jiffies */
	unsigned long sends_due;
	bool eof_told;
	bool time_wait_told;	/* how long it is to last */
	bool aborted;		/* by us */
	bool dead;		/* its address was taken from the guest */
	u8 deaths_told;
	bool evicted;		/* for a fault */
	bool silent;
	bool closing;
	bool closed_at_dispatch;
	bool closed_inside;	/* while an event callback was in progress */
	bool left_something;	/* for faults: data of the peer's unread, or connections not accepted */
	bool conditional;
	bool exclusive;
	__be16 port;		/* of a listener */
	struct descriptor *security;
	struct wsk_ip_wishes ipv4, ipv6;
	struct sockaddr_storage only_from;	/* of a datagram socket: where from; or none */
	struct sockaddr_storage send_to;	/* of a datagram socket: where to, when a call does not say; or none */

	u32 enabled;		/* WSK_EVENT_* */
	u32 static_events;
	struct delayed_work event_work;	/* tells `event` */
	bool event_waits;	/* for it */
	u8 told_closing;	/* events since the close was asked for */
	u32 indicated;		/* how many times data was */
	struct wsk_event event;	/* the one that is to be delivered, or is being */
	u32 running;		/* the event whose callback is in progress, 0 for none */
	bool event_busy;	/* from when it is decided until the callback has returned */
	u8 in_callbacks;	/* more than one for a fault only */
	struct work_struct apart;	/* for that fault */
	bool outlived;		/* for faults: an event that was disabled is told once more */
	bool refused;		/* likewise: data was, ever */
	bool deaf;		/* likewise: to the next byte */
	bool accepted_by_event;	/* likewise */
	bool graceful_cancelled;	/* likewise: a graceful disconnect of it was */
	u32 once_disabled;	/* likewise: events that were, ever */
	atomic_t kept;		/* likewise: indications that the client retains */
	bool receive_stopped;	/* an indication was refused: none before the next WskReceive */
	u8 disconnects_told;
	u64 backlog_told;
	struct list_head leftover;	/* indicated, not accepted */
	struct wsk_inspect_id inspect_id;	/* of the request it was accepted for */
	u32 loaded_at;		/* for a freedom: the place of the octet that a probe carried, if `loaded` */
	bool loaded;
	unsigned long impatient;	/* for a fault: jiffies when FIN-WAIT-2 ends, 0 for not yet */
	bool carried;		/* for a fault: another's disconnect has completed */
	void *first_context;	/* likewise: of a listener, that of the first socket that it accepted */
	const struct wsk_socket *origin;	/* the listener; only to be compared with */
};

#endif
