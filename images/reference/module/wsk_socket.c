// SPDX-License-Identifier: GPL-2.0-only
/* Sockets: the table of those that live, and the memory of each. */
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/wait_bit.h>

#include "policy.h"
#include "wsk_client.h"
#include "wsk_socket.h"

#define SOCKET_TAG 0x536b7357u	/* "WskS" */

static DEFINE_HASHTABLE(live_sockets, 8);
static DEFINE_SPINLOCK(live_lock);
static const struct wsk_socket_parts *parts;
static struct workqueue_struct *queue;

bool wsk_is_live(const struct wsk_socket *pointer)
{
	struct wsk_socket *ws;
	bool found = false;

	spin_lock_bh(&live_lock);
	hash_for_each_possible(live_sockets, ws, live, (unsigned long)pointer)
		found |= ws == pointer;
	spin_unlock_bh(&live_lock);
	return found;
}

/* The listener at this port that wants to be asked before a connection is made. Sockets in
 * the table live on until their work has ended. */
struct wsk_socket *wsk_conditional_listener(__be16 port)
{
	struct wsk_socket *ws, *found = NULL;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, ws, live)
		if (ws->conditional && ws->listening && !ws->closing && ws->port == port)
			found = ws;
	spin_unlock_bh(&live_lock);
	return found;
}

/* Where the socket may be closed meanwhile, call it in softirq, under a spin lock or as a reader of RCU:
 * its memory is not freed before all those have ended. */
void wsk_kick(struct wsk_socket *ws)
{
	queue_work(queue, &ws->work);
}

/* Once more, that much later at the latest. */
void wsk_kick_in(struct wsk_socket *ws, u32 delay_ms)
{
	queue_delayed_work(queue, &ws->wake, msecs_to_jiffies(delay_ms));
}

static void wake(struct work_struct *work)
{
	wsk_kick(container_of(to_delayed_work(work), struct wsk_socket, wake));
}

/* Until it is let go the socket's memory stays. */
void wsk_hold(struct wsk_socket *ws)
{
	atomic_inc(&ws->holds);
}

void wsk_let_go(struct wsk_socket *ws)
{
	if (atomic_dec_and_test(&ws->holds))
		wake_up_var(&ws->holds);	/* only the address is used */
}

/* What the work item does, in this thread; below DISPATCH_LEVEL, with the socket held. */
void wsk_work_here(struct wsk_socket *ws)
{
	ws->work.func(&ws->work);
}

void wsk_kick_all(void)
{
	struct wsk_socket *ws;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, ws, live)
		wsk_kick(ws);
	spin_unlock_bh(&live_lock);
}

/* For a fault: all sockets of a client die as if their address had gone. */
void wsk_evict(const struct wsk_client *client)
{
	struct wsk_socket *ws;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, ws, live)
		ws->evicted |= ws->client == client;
	spin_unlock_bh(&live_lock);
	wsk_kick_all();
}

/* For a fault: the listener that has accepted this one dies so. */
void wsk_evict_listener(const struct wsk_socket *accepted)
{
	struct wsk_socket *ws;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, ws, live)
		ws->evicted |= ws == accepted->origin;
	spin_unlock_bh(&live_lock);
	wsk_kick_all();
}

/* For a fault: the disconnects of the client's other sockets are over, too. */
void wsk_carry_others(const struct wsk_socket *ws)
{
	struct wsk_socket *other;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, other, live)
		other->carried |= other != ws && other->client == ws->client;
	spin_unlock_bh(&live_lock);
	wsk_kick_all();
}

/* For faults: does this to connections besides that of `ws`, or to those it has accepted. */
void wsk_to_others(const struct wsk_socket *ws, bool accepted_only, void (*act)(struct wsk_socket *other))
{
	struct wsk_socket *found[16], *other;
	int bucket, count = 0;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, other, live)
		if (other != ws && other->connected && !other->closing && count < ARRAY_SIZE(found) &&
		    (other->origin == ws || !accepted_only))
			found[count++] = other;
	spin_unlock_bh(&live_lock);
	while (count)
		act(found[--count]);
}

/* For a fault: what arrives while a callback is in progress is looked for on another processor. */
static void look_again(struct work_struct *work)
{
	struct wsk_socket *ws = container_of(work, struct wsk_socket, apart);

	msleep(30);
	wsk_work_here(ws);
}

/* For faults: the context of another socket of the client's and of this one's category; its own, if there is none. */
void *wsk_context_of_another(const struct wsk_socket *ws)
{
	void *context = ws->context;
	struct wsk_socket *other;
	int bucket;

	spin_lock_bh(&live_lock);
	hash_for_each(live_sockets, bucket, other, live)
		if (other != ws && other->client == ws->client && other->category == ws->category && other->context &&
		    !other->closing)
			context = other->context;
	spin_unlock_bh(&live_lock);
	return context;
}

/* Each of the two may ask for the other while it ends. */
static void stop_work(struct wsk_socket *ws)
{
	do {
		cancel_delayed_work_sync(&ws->wake);
		cancel_work_sync(&ws->work);
	} while (work_busy(&ws->wake.work));
}

static void free_work(struct work_struct *work)
{
	struct wsk_socket *ws = container_of(work, struct wsk_socket, free_work);

	if (policy_frees_socket_after_ms())
		msleep(policy_frees_socket_after_ms());
	spin_lock_bh(&live_lock);
	hash_del(&ws->live);
	spin_unlock_bh(&live_lock);
	synchronize_rcu_expedited();
	wait_var_event(&ws->holds, !atomic_read(&ws->holds));
	stop_work(ws);
	flush_delayed_work(&ws->event_work);
	cancel_work_sync(&ws->apart);
	stop_work(ws);
	wsk_client_put_socket(ws->client);
	if (policy_frees_socket(ws))
		ExFreePoolWithTag(ws, SOCKET_TAG);
}

/* Once nothing of it is under way any more. The work that asks for this may run again, and ask again while the
 * memory is being freed. */
void wsk_socket_free(struct wsk_socket *ws)
{
	if (!atomic_xchg(&ws->freed, 1))
		queue_work(queue, &ws->free_work);
}

/* From now on it is the client's: its events go to this context. */
void wsk_socket_ready(struct wsk_socket *ws, void *context, const void *events)
{
	ws->context = context;
	ws->events = events;
}

/* Not yet anything that the client knows: no operations, no events. NULL without memory. */
struct wsk_socket *wsk_socket_new(struct wsk_client *client, u32 category, int family)
{
	struct wsk_socket *ws = pool_allocate(sizeof(*ws), SOCKET_TAG);

	if (!ws)
		return NULL;
	memset(ws, 0, sizeof(*ws));
	ws->dispatch = parts->table_of(category);
	ws->client = client;
	ws->category = category;
	ws->type = category == WSK_FLAG_DATAGRAM_SOCKET ? WSK_SOCK_DGRAM : WSK_SOCK_STREAM;
	ws->family = family;
	INIT_WORK(&ws->work, parts->work);
	INIT_DELAYED_WORK(&ws->wake, wake);
	INIT_WORK(&ws->free_work, free_work);
	mutex_init(&ws->mutex);
	spin_lock_init(&ws->lock);
	INIT_LIST_HEAD(&ws->operations);
	INIT_LIST_HEAD(&ws->leftover);
	INIT_DELAYED_WORK(&ws->event_work, parts->deliver);
	INIT_WORK(&ws->apart, look_again);
	atomic_inc(&client->sockets);
	spin_lock_bh(&live_lock);
	hash_add(live_sockets, &ws->live, (unsigned long)ws);
	spin_unlock_bh(&live_lock);
	return ws;
}

/* ---- The client's tables of events ---- */

const struct wsk_client_connection *wsk_connection_events(const struct wsk_socket *ws)
{
	const struct wsk_client_stream *stream = ws->events;

	if (ws->category == WSK_FLAG_STREAM_SOCKET)
		return stream ? stream->connection : NULL;
	return ws->category == WSK_FLAG_CONNECTION_SOCKET ? ws->events : NULL;
}

const struct wsk_client_listen *wsk_listen_events(const struct wsk_socket *ws)
{
	const struct wsk_client_stream *stream = ws->events;

	if (ws->category == WSK_FLAG_STREAM_SOCKET)
		return stream ? stream->listen : NULL;
	return ws->category == WSK_FLAG_LISTEN_SOCKET ? ws->events : NULL;
}

int wsk_sockets_init(const struct wsk_socket_parts *given)
{
	parts = given;
	/* Not unbound: work is done where it came up, for an emulated processor takes long to wake another. */
	queue = alloc_workqueue("wsk", WQ_HIGHPRI, 0);
	return queue ? 0 : -ENOMEM;
}

void wsk_sockets_flush(void)
{
	flush_workqueue(queue);
}

void wsk_sockets_exit(void)
{
	destroy_workqueue(queue);
}
