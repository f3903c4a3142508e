/* SPDX-License-Identifier: Apache-2.0
 *
 * WSK's events: recorded on entry and on leaving, held as long as the scenario
 * says, and answered as its ON_EVENT step says. The socket's context is its slot.
 */
#include "wsktest.h"

/* One call of an event callback. */
struct visit {
    struct slot *slot;
    const struct wsktest_step *step; /* NULL: nobody said what to do */
    ULONG callback;
    ULONG flags;
};

static VOID note(const struct visit *visit, USHORT kind, NTSTATUS status, ULONG64 information, UCHAR flags)
{
    struct run *run = visit->slot->run;
    struct wsktest_event event;

    trace_begin(&event, visit->step ? (ULONG)(visit->step - run->steps) : WSKTEST_NO_STEP, kind);
    event.socket = visit->slot->index;
    event.callback = visit->callback;
    event.callback_flags = visit->flags;
    event.status = (ULONG)status;
    event.information = information;
    event.flags = flags;
    if (visit->slot->closed)
        event.flags |= WSKTEST_EVENT_AFTER_CLOSE;
    trace_record(&run->trace, &event);
}

static struct visit enter(PVOID context, ULONG callback, ULONG flags, BOOLEAN something, SIZE_T information)
{
    struct slot *slot = context;
    struct visit visit = {slot, slot->handlers[callback].step, callback, flags};

    InterlockedIncrement(&slot->run->inside);
    note(&visit, WSKTEST_EVENT_CALLBACK_ENTER, STATUS_SUCCESS, information,
         something ? 0 : WSKTEST_EVENT_NOTHING);
    hook_callback(slot, callback);
    if (visit.step)
        clock_hold_us(visit.step->delay_us);
    return visit;
}

/* The slot is not touched after this: the run may be over. */
static NTSTATUS leave(const struct visit *visit, NTSTATUS status, ULONG64 information)
{
    struct run *run = visit->slot->run;

    note(visit, WSKTEST_EVENT_CALLBACK_LEAVE, status, information, 0);
    hook_count(visit->slot, visit->callback);
    InterlockedDecrement(&run->inside);
    return status;
}

static ULONG action(const struct visit *visit)
{
    return visit->step ? visit->step->action : WSKTEST_ACTION_TAKE;
}

/* Puts what is taken behind what the same callback took before; WSK calls it serially. */
static VOID keep_data(const struct visit *visit, const WSK_DATA_INDICATION *data, SIZE_T size)
{
    struct handler *handler = &visit->slot->handlers[visit->callback];
    const struct wsktest_step *step = visit->step;
    SIZE_T room;

    if (!step || (ULONG)handler->taken >= step->result_length)
        return;
    room = step->result_length - handler->taken;
    handler->taken += (LONG)indication_copy(
        data, visit->slot->run->results + step->result_offset + handler->taken, size < room ? size : room);
}

static NTSTATUS NTAPI receive_event(PVOID context, ULONG flags, PWSK_DATA_INDICATION data, SIZE_T indicated,
                                    SIZE_T *accepted)
{
    struct visit visit = enter(context, WSKTEST_CALLBACK_RECEIVE, flags, data != NULL, indicated);
    SIZE_T part;

    if (!data)
        return leave(&visit, STATUS_SUCCESS, 0);
    switch (action(&visit)) {
    case WSKTEST_ACTION_REFUSE:
        return leave(&visit, STATUS_DATA_NOT_ACCEPTED, 0);
    case WSKTEST_ACTION_PARTIAL:
        part = visit.step->count < indicated ? visit.step->count : indicated;
        *accepted = part;
        break;
    case WSKTEST_ACTION_RETAIN:
        keep_data(&visit, data, indicated);
        if (slot_retain(visit.slot, data))
            return leave(&visit, STATUS_PENDING, indicated);
        return leave(&visit, STATUS_DATA_NOT_ACCEPTED, 0);
    default:
        part = indicated;
    }
    keep_data(&visit, data, part);
    return leave(&visit, STATUS_SUCCESS, part);
}

static NTSTATUS NTAPI disconnect_event(PVOID context, ULONG flags)
{
    struct visit visit = enter(context, WSKTEST_CALLBACK_DISCONNECT, flags, TRUE, 0);

    return leave(&visit, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI send_backlog_event(PVOID context, SIZE_T size)
{
    struct visit visit = enter(context, WSKTEST_CALLBACK_SEND_BACKLOG, 0, TRUE, size);

    return leave(&visit, STATUS_SUCCESS, 0);
}

/* The next of the slots that the scenario gave for accepted sockets, or NULL. */
static struct slot *next_slot(const struct visit *visit)
{
    LONG taken;

    if (!visit->step || visit->step->action != WSKTEST_ACTION_TAKE || visit->slot->run->recovering)
        return NULL;
    taken = InterlockedIncrement(&visit->slot->handlers[visit->callback].taken) - 1;
    return (ULONG)taken < visit->step->count ? &visit->slot->run->slots[visit->step->target + taken] : NULL;
}

static VOID keep_addresses(const struct visit *visit, PWSK_SOCKADDR local, PWSK_SOCKADDR remote)
{
    struct wsktest_address pair[2];

    address_from_wsk(local, &pair[0]);
    address_from_wsk(remote, &pair[1]);
    if (visit->step->result_length >= sizeof(pair))
        memcpy(visit->slot->run->results + visit->step->result_offset, pair, sizeof(pair));
}

static NTSTATUS NTAPI accept_event(PVOID context, ULONG flags, PWSK_SOCKADDR local, PWSK_SOCKADDR remote,
                                   PWSK_SOCKET socket, PVOID *socket_context, const VOID **socket_dispatch)
{
    struct visit visit = enter(context, WSKTEST_CALLBACK_ACCEPT, flags, socket != NULL, 0);
    struct slot *slot = socket ? next_slot(&visit) : NULL;
    ULONG category = visit.slot->category == WSKTEST_CATEGORY_STREAM ? WSKTEST_CATEGORY_STREAM
                                                                     : WSKTEST_CATEGORY_CONNECTION;

    if (!slot)
        return leave(&visit, STATUS_REQUEST_NOT_ACCEPTED, 0);
    keep_addresses(&visit, local, remote);
    slot_open(slot, socket, category);
    slot->connected = TRUE;
    *socket_context = slot;
    *socket_dispatch = callback_table(category);
    return leave(&visit, STATUS_SUCCESS, slot->index);
}

static WSK_INSPECT_ACTION NTAPI inspect_event(PVOID context, PWSK_SOCKADDR local, PWSK_SOCKADDR remote,
                                              PWSK_INSPECT_ID inspection)
{
    struct visit visit = enter(context, WSKTEST_CALLBACK_INSPECT, 0, TRUE, 0);
    WSK_INSPECT_ACTION answer = WskInspectAccept;

    (void)local;
    (void)remote;
    if (action(&visit) == WSKTEST_ACTION_REFUSE)
        answer = WskInspectReject;
    if (action(&visit) == WSKTEST_ACTION_RETAIN)
        answer = slot_pend(visit.slot, inspection) ? WskInspectPend : WskInspectReject;
    leave(&visit, (NTSTATUS)answer, 0);
    return answer;
}

static NTSTATUS NTAPI abort_event(PVOID context, PWSK_INSPECT_ID inspection)
{
    struct visit visit = enter(context, WSKTEST_CALLBACK_ABORT, 0, TRUE, inspection->SerialNumber);

    return leave(&visit, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI receive_from_event(PVOID context, ULONG flags, PWSK_DATA_INDICATION data)
{
    SIZE_T size = indication_size(data);
    struct visit visit = enter(context, WSKTEST_CALLBACK_RECEIVE_FROM, flags, data != NULL, size);

    if (data && action(&visit) == WSKTEST_ACTION_REFUSE)
        return leave(&visit, STATUS_DATA_NOT_ACCEPTED, 0);
    keep_data(&visit, data, size);
    if (data && action(&visit) == WSKTEST_ACTION_RETAIN && slot_retain(visit.slot, data))
        return leave(&visit, STATUS_PENDING, size);
    return leave(&visit, STATUS_SUCCESS, size);
}

static const WSK_CLIENT_CONNECTION_DISPATCH connection_table = {receive_event, disconnect_event,
                                                                send_backlog_event};
static const WSK_CLIENT_LISTEN_DISPATCH listen_table = {accept_event, inspect_event, abort_event};
static const WSK_CLIENT_DATAGRAM_DISPATCH datagram_table = {receive_from_event};
static const WSK_CLIENT_STREAM_DISPATCH stream_table = {&listen_table, &connection_table};

const VOID *callback_table(ULONG category)
{
    switch (category) {
    case WSKTEST_CATEGORY_LISTEN:
        return &listen_table;
    case WSKTEST_CATEGORY_CONNECTION:
        return &connection_table;
    case WSKTEST_CATEGORY_DATAGRAM:
        return &datagram_table;
    case WSKTEST_CATEGORY_STREAM:
        return &stream_table;
    default:
        return NULL;
    }
}
