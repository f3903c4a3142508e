/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The WSK provider. A socket's operations wait in one list and are driven by
 * one work item, so nothing of a socket ever runs twice at a time and the TCP
 * below may sleep, whatever the IRQL of the caller was. Completions go through
 * one tasklet and events through one of the socket's own: both arrive at
 * DISPATCH_LEVEL, in the order they were decided.
 */
#ifndef WSK_PROVIDER_H
#define WSK_PROVIDER_H

#include <linux/inet.h>
#include <linux/interrupt.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "ntlab_internal.h"
#include "wsk_types.h"

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

struct wsk_socket;

struct wsk_operation {
	struct list_head list;
	struct irp *irp;
	enum wsk_kind kind;
	bool started;
	bool queued;		/* every byte is with TCP, `end_sequence` is known */
	bool cancelled;		/* IoCancelIrp came: the work item completes it */
	u32 flags;
	struct wsk_buf buf;	/* the caller's own may be gone once the call returned */
	const struct wsk_buf *late;	/* for a fault: the caller's own */
	u64 done;		/* bytes of it sent or received */
	u32 end_sequence;	/* of its last byte, once all is sent */
	u32 event;		/* WSK_DISABLE: which one */
	bool in_callback;	/* WSK_CLOSE: a callback was in progress when it was asked for */
	struct sockaddr_storage local, remote;
	struct wsk_sockaddr *local_out, *remote_out;
	void *accept_context;
	const void *accept_dispatch;
	NTSTATUS (*call)(struct wsk_socket *ws, struct wsk_operation *op, u64 *information);
	u32 argument;		/* of `call` */
	void *output;		/* likewise: where its answer goes */
	u64 output_size;
	u64 *size_out;
};

/* Data that was taken from TCP to be shown to the client. */
struct wsk_indication {
	struct wsk_data_indication shown;	/* first: what WskRelease is given */
	struct list_head list;
	struct wsk_socket *ws;
	struct mdl mdl;
	struct wsk_sockaddr remote;
	u32 magic;
	u32 size;
	u32 taken;		/* bytes at the beginning that the client has */
	u8 data[];
};

struct wsk_client {
	struct list_head list;
	const struct wsk_client_npi *npi;
	u32 static_events;
	atomic_t sockets;
	atomic_t captures;
	atomic_t retained;	/* indications not released */
	atomic_t descriptors;	/* references to cached security descriptors */
	wait_queue_head_t changed;
};

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
	struct work_struct free_work;
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
	bool aborted;		/* by us */
	bool dead;		/* its address was taken from the guest */
	u8 deaths_told;
	bool evicted;		/* for a fault */
	bool silent;
	bool closing;
	bool conditional;
	bool exclusive;
	__be16 port;		/* of a listener */
	struct descriptor *security;

	u32 enabled;		/* WSK_EVENT_* */
	u32 static_events;
	struct tasklet_struct event_tasklet;
	struct wsk_event event;	/* the one that is to be delivered, or is being */
	u32 running;		/* the event whose callback is in progress, 0 for none */
	bool event_busy;	/* from when it is decided until the callback has returned */
	bool receive_stopped;	/* an indication was refused: none before the next WskReceive */
	bool disconnect_told;
	u64 backlog_told;
	struct list_head leftover;	/* indicated, not accepted */
	struct wsk_inspect_id inspect_id;	/* of the request it was accepted for */
	const struct wsk_socket *origin;	/* the listener; only to be compared with */
};

extern struct workqueue_struct *wsk_queue;

/* wsk_register.c */
struct wsk_client *wsk_client_find(const void *pointer);
void wsk_client_put_socket(struct wsk_client *client);

/* wsk_complete.c */
void wsk_complete_exit(void);
void wsk_take(struct irp *irp);
NTSTATUS wsk_inline(struct irp *irp, NTSTATUS status, u64 information);
void wsk_complete(struct irp *irp, NTSTATUS status, u64 information);
void wsk_complete_close(struct wsk_socket *ws, struct irp *irp, NTSTATUS status, u64 information);
bool wsk_irp_check(struct irp *irp);

/* wsk_tables.c */
extern const void *const wsk_provider_table;
const void *wsk_table_of(u32 category);

/* wsk_calls.c */
NTSTATUS MS WskSocket(struct wsk_client *client, u16 family, u16 type, u32 protocol, u32 flags, void *context,
		      const void *events, void *process, void *thread, const void *security, struct irp *irp);
NTSTATUS MS WskSocketConnect(struct wsk_client *client, u16 type, u32 protocol, const struct wsk_sockaddr *local,
			     const struct wsk_sockaddr *remote, u32 flags, void *context, const void *events,
			     void *process, void *thread, const void *security, struct irp *irp);
NTSTATUS MS WskBind(struct wsk_socket *ws, const struct wsk_sockaddr *local, u32 flags, struct irp *irp);
NTSTATUS MS WskConnect(struct wsk_socket *ws, const struct wsk_sockaddr *remote, u32 flags, struct irp *irp);
NTSTATUS MS WskConnectEx(struct wsk_socket *ws, const struct wsk_sockaddr *remote, const struct wsk_buf *buf,
			 u32 flags, struct irp *irp);
NTSTATUS MS WskGetLocalAddress(struct wsk_socket *ws, struct wsk_sockaddr *address, struct irp *irp);
NTSTATUS MS WskGetRemoteAddress(struct wsk_socket *ws, struct wsk_sockaddr *address, struct irp *irp);
NTSTATUS MS WskSend(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp);
NTSTATUS MS WskReceive(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp);
NTSTATUS MS WskDisconnect(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct irp *irp);
NTSTATUS MS WskCloseSocket(struct wsk_socket *ws, struct irp *irp);

/* wsk_address.c */
int wsk_linux_family(u16 family);
bool wsk_to_linux(const struct wsk_sockaddr *from, struct sockaddr_storage *to);
void wsk_from_linux(const struct sockaddr_storage *from, struct wsk_sockaddr *to);
void wsk_copy_address(struct wsk_sockaddr *to, const struct wsk_sockaddr *from);
NTSTATUS MS WskGetAddressInfo(struct wsk_client *client, const struct unicode_string *node,
			      const struct unicode_string *service, u32 name_space, const struct wsk_guid *provider,
			      const void *hints, void **result, void *process, void *thread, struct irp *irp);
void MS WskFreeAddressInfo(struct wsk_client *client, void *info);
NTSTATUS MS WskGetNameInfo(struct wsk_client *client, const struct wsk_sockaddr *address, u32 size,
			   struct unicode_string *node, struct unicode_string *service, u32 flags, void *process,
			   void *thread, struct irp *irp);

/* wsk_security.c */
struct descriptor *wsk_descriptor_find(const void *pointer);
void *wsk_descriptor_get(struct descriptor *descriptor);
void wsk_descriptor_closed(struct wsk_socket *ws);
NTSTATUS MS WskControlClient(struct wsk_client *client, u32 code, u64 input_size, void *input, u64 output_size,
			     void *output, u64 *size_out, struct irp *irp);

/* wsk_control.c */
NTSTATUS MS WskControlSocket(struct wsk_socket *ws, u32 request, u32 code, u32 level, u64 input_size, void *input,
			     u64 output_size, void *output, u64 *size_out, struct irp *irp);

/* wsk_listen.c */
NTSTATUS MS WskAccept(struct wsk_socket *ws, u32 flags, void *context, const void *dispatch,
		      struct wsk_sockaddr *local, struct wsk_sockaddr *remote, struct irp *irp);
NTSTATUS MS WskListen(struct wsk_socket *ws, struct irp *irp);
struct wsk_socket *wsk_accept_next(struct wsk_socket *ws, struct wsk_sockaddr *local, struct wsk_sockaddr *remote);
void wsk_discard(struct wsk_socket *ws);

/* wsk_datagram.c */
NTSTATUS MS WskSendTo(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, const struct wsk_sockaddr *remote,
		      u32 control_length, void *control, struct irp *irp);
NTSTATUS MS WskReceiveFrom(struct wsk_socket *ws, const struct wsk_buf *buf, u32 flags, struct wsk_sockaddr *remote,
			   u32 *control_length, void *control, u32 *control_flags, struct irp *irp);
NTSTATUS MS WskSendMessages(struct wsk_socket *ws, const struct wsk_buf_list *list, u32 flags,
			    const struct wsk_sockaddr *remote, u32 control_length, void *control, struct irp *irp);
void wsk_drive_send_to(struct wsk_socket *ws, struct wsk_operation *op, bool *blocked);
void wsk_drive_receive_from(struct wsk_socket *ws, struct wsk_operation *op, bool *blocked);
int wsk_read_datagram(struct wsk_socket *ws, struct kvec *pieces, int count, u64 room, struct sockaddr_storage *from,
		      bool *cut);

/* wsk_inspect.c */
NTSTATUS MS WskInspectComplete(struct wsk_socket *ws, struct wsk_inspect_id *id, u32 action, struct irp *irp);
int wsk_inspect_init(void);
void wsk_inspect_exit(void);
void wsk_inspect_close(struct wsk_socket *ws);
bool wsk_inspect_next(struct wsk_socket *ws, struct wsk_event *event);
bool wsk_inspect_decide(struct wsk_socket *ws, const struct wsk_inspect_id *id, u32 action);
void wsk_inspect_accepted(struct wsk_socket *ws, struct wsk_socket *accepted, const struct wsk_sockaddr *remote);

/* wsk_socket.c */
struct wsk_socket *wsk_socket_new(struct wsk_client *client, u32 category, int family);
void wsk_socket_ready(struct wsk_socket *ws, void *context, const void *events);
void wsk_kick_all(void);
void wsk_evict(const struct wsk_client *client);
struct wsk_socket *wsk_conditional_listener(__be16 port);
bool wsk_is_live(const struct wsk_socket *pointer);
NTSTATUS wsk_pend(struct wsk_socket *ws, struct irp *irp, const struct wsk_operation *template);
void wsk_finish(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status, u64 information);
void wsk_forget(struct wsk_socket *ws, struct wsk_operation *op);
struct wsk_operation *wsk_find(struct wsk_socket *ws, enum wsk_kind kind);
void wsk_abort(struct wsk_socket *ws);
void wsk_kick(struct wsk_socket *ws);
void wsk_cancel_receives(struct wsk_socket *ws);

/* wsk_address_list.c */
void wsk_address_list_changed(void);
bool wsk_address_list_differs(const struct wsk_operation *op);
NTSTATUS wsk_address_list_query(struct wsk_socket *ws, u64 size, void *output, u64 *size_out, struct irp *irp);
NTSTATUS wsk_address_list_watch(struct wsk_socket *ws, struct irp *irp);

/* wsk_visit.c */
struct wsk_visit {
	struct list_head list;
	const struct wsk_socket *ws;
	const struct task_struct *thread;
	const void *caller;
};

void wsk_enter(struct wsk_visit *visit, struct wsk_socket *ws, const void *caller);
void wsk_leave(struct wsk_visit *visit);
void wsk_require_alone(const struct wsk_socket *ws);

/* The last declaration of every function of a socket's table; the call lasts until it returns. */
#define WSK_ENTER(ws)                                              \
	struct wsk_visit visit __attribute__((cleanup(wsk_leave))); \
	wsk_enter(&visit, ws, __builtin_return_address(0))

/* wsk_home.c */
int wsk_home_init(void);
void wsk_home_exit(void);
bool wsk_homeless(struct wsk_socket *ws);
void wsk_die(struct wsk_socket *ws);

/* wsk_drive.c */
void wsk_drive(struct wsk_socket *ws);
void wsk_fail(struct wsk_socket *ws, struct wsk_operation *op, NTSTATUS status);

/* wsk_events.c */
void wsk_events_init(struct wsk_socket *ws);
void wsk_raise_events(struct wsk_socket *ws);
bool wsk_events_idle(struct wsk_socket *ws);
void wsk_late_callback(struct wsk_socket *ws);

/* wsk_enable.c */
u32 wsk_possible_events(const struct wsk_socket *ws);
bool wsk_event_returned(struct wsk_socket *ws, u32 kind);
void wsk_enable_static(struct wsk_socket *ws);
NTSTATUS wsk_enable_events(struct wsk_socket *ws, u32 mask);
NTSTATUS wsk_disable_event(struct wsk_socket *ws, u32 mask, struct irp *irp);
const struct wsk_client_listen *wsk_listen_events(const struct wsk_socket *ws);
const struct wsk_client_connection *wsk_connection_events(const struct wsk_socket *ws);

/* wsk_indication.c */
struct wsk_indication *wsk_indication_new(struct wsk_socket *ws, u32 size);
void wsk_indication_free(struct wsk_indication *indication);
u64 wsk_leftover_take(struct wsk_socket *ws, u8 *to, u64 room);
NTSTATUS MS WskRelease(struct wsk_socket *ws, struct wsk_data_indication *data);
void wsk_retain(struct wsk_socket *ws);

/* wsk_connection.c: what kernel TCP and UDP do for one operation. Process context, mutex held.
 * Errors are positive errno values, 0 is success. */
int conn_create(struct wsk_socket *ws);
void conn_adopt(struct wsk_socket *ws, struct socket *sock, const struct conn_callbacks *saved);
int conn_bind(struct wsk_socket *ws, struct sockaddr_storage *local);
int conn_listen(struct wsk_socket *ws);
int conn_start_connect(struct wsk_socket *ws, struct sockaddr_storage *remote);
bool conn_established(struct wsk_socket *ws);
bool conn_transmit(struct wsk_socket *ws, struct wsk_operation *op);
bool conn_acknowledged(struct wsk_socket *ws, const struct wsk_operation *op);
void conn_send_fin(struct wsk_socket *ws);
bool conn_fin_acknowledged(struct wsk_socket *ws);
bool conn_fin_received(struct wsk_socket *ws);
int conn_receive(struct wsk_socket *ws, struct wsk_operation *op, bool *ended);
int conn_read(struct wsk_socket *ws, u8 *to, int size);
u32 conn_readable(struct wsk_socket *ws);
u64 conn_ideal_backlog(struct wsk_socket *ws);
bool conn_next_piece(const struct wsk_operation *op, struct kvec *piece);
int conn_pieces(struct wsk_operation *op, struct kvec *pieces, int room);
void conn_reset(struct wsk_socket *ws);
void conn_release(struct wsk_socket *ws);
int conn_error(struct wsk_socket *ws);
struct wsk_socket *conn_owner(const struct sock *sk);
NTSTATUS conn_status(int error);

#endif
