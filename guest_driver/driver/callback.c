/* SPDX-License-Identifier: Apache-2.0
 *
 * WSK's events: recorded on entry and on leaving, held as long as the scenario
 * says, and answered as its ON_EVENT step says. The socket's context is its slot.
 */
#include "address.h"
#include "chain.h"
#include "events.h"
#include "kind.h"

/* One call of an event callback. */
typedef struct _CALLBACK_CALL {
    SLOT *slot;
    const struct wsktest_step *step; /* NULL: nobody said what to do */
    ULONG callback;
    ULONG flags;
} CALLBACK_CALL;

static VOID NoteCallback(const CALLBACK_CALL *call, USHORT kind, NTSTATUS status, ULONG64 information,
                         UCHAR flags)
{
    RUN *run = call->slot->run;
    struct wsktest_event event;

    TraceBeginEvent(&event, call->step ? (ULONG)(call->step - run->steps) : WSKTEST_NO_STEP, kind);
    event.socket = call->slot->index;
    event.callback = call->callback;
    event.callback_flags = call->flags;
    event.status = (ULONG)status;
    event.information = information;
    event.flags = flags;
    if (FlagIsRaised(&call->slot->closed))
        event.flags |= WSKTEST_EVENT_AFTER_CLOSE;
    TraceRecord(&run->trace, &event);
}

static CALLBACK_CALL EnterCallback(PVOID context, ULONG callback, ULONG flags, BOOLEAN something,
                                   SIZE_T information)
{
    SLOT *slot = context;
    CALLBACK_CALL call = {slot, slot->handlers[callback].step, callback, flags};

    InterlockedIncrement(&slot->run->inside);
    NoteCallback(&call, WSKTEST_EVENT_CALLBACK_ENTER, STATUS_SUCCESS, information,
                 something ? 0 : WSKTEST_EVENT_NOTHING);
    return call;
}

/* What the scenario wants to happen inside: its steps, and that time passes. What is retained has been
 * retained before, so that a step may release it. */
static VOID PerformInside(const CALLBACK_CALL *call)
{
    call->slot->run->hooks->CalledBack(call->slot, call->callback);
    if (call->step)
        ClockStallUs(call->step->delay_us);
}

/* Ends the waits for so many callbacks. */
static VOID CountCallback(SLOT *slot, ULONG callback)
{
    ULONG count = (ULONG)InterlockedIncrement(&slot->handlers[callback].count);
    RUN *run = slot->run;

    for (ULONG i = 0; run->hooked && i < run->scenario->step_count; i++) {
        const struct wsktest_step *step = &run->steps[i];

        if (step->kind == WSKTEST_STEP_WAIT_EVENT && step->socket == slot->index &&
            step->callback == callback && step->count <= count)
            KeSetEvent(&run->operations[i].done, IO_NO_INCREMENT, FALSE);
    }
}

/* The slot is not touched after this: the run may be over. */
static NTSTATUS LeaveCallback(const CALLBACK_CALL *call, NTSTATUS status, ULONG64 information)
{
    RUN *run = call->slot->run;

    NoteCallback(call, WSKTEST_EVENT_CALLBACK_LEAVE, status, information, 0);
    CountCallback(call->slot, call->callback);
    InterlockedDecrement(&run->inside);
    return status;
}

/* Once its socket is being closed nothing is kept: it would have to be given back before the close. */
static ULONG ActionOf(const CALLBACK_CALL *call)
{
    ULONG action = call->step ? call->step->action : (ULONG)WSKTEST_ACTION_TAKE;

    if (action == WSKTEST_ACTION_RETAIN &&
        (FlagIsRaised(&call->slot->run->recovering) || FlagIsRaised(&call->slot->closing)))
        return WSKTEST_ACTION_REFUSE;
    return action;
}

/* Puts what is taken behind what the same callback took before; WSK calls it serially. */
static VOID KeepData(const CALLBACK_CALL *call, const WSK_DATA_INDICATION *data, SIZE_T size)
{
    EVENT_HANDLER *handler = &call->slot->handlers[call->callback];
    const struct wsktest_step *step = call->step;
    SIZE_T room;

    if (!step || (ULONG)handler->taken >= step->result_length)
        return;
    room = step->result_length - handler->taken;
    handler->taken += (LONG)IndicationCopy(
        data, call->slot->run->results + step->result_offset + handler->taken, size < room ? size : room);
}

/* FALSE when the slot has no room: then nothing is kept, for WSK will offer it again. Somebody may release
 * the data as soon as it is retained. */
static BOOLEAN RetainData(const CALLBACK_CALL *call, PWSK_DATA_INDICATION data, SIZE_T size)
{
    EVENT_HANDLER *handler = &call->slot->handlers[call->callback];
    LONG before = handler->taken;

    KeepData(call, data, size);
    if (SlotRetain(call->slot, data))
        return TRUE;
    handler->taken = before;
    return FALSE;
}

/* How many bytes an action other than RETAIN takes. */
static SIZE_T PartTaken(const CALLBACK_CALL *call, ULONG action, SIZE_T indicated)
{
    if (action == WSKTEST_ACTION_REFUSE)
        return 0;
    if (action == WSKTEST_ACTION_PARTIAL && call->step->count < indicated)
        return call->step->count;
    return indicated;
}

_IRQL_requires_max_(DISPATCH_LEVEL)
static NTSTATUS NTAPI ReceiveEvent(PVOID context, ULONG flags, PWSK_DATA_INDICATION data, SIZE_T indicated,
                                   SIZE_T *accepted)
{
    CALLBACK_CALL call = EnterCallback(context, WSKTEST_CALLBACK_RECEIVE, flags, data != NULL, indicated);
    ULONG action = ActionOf(&call);
    SIZE_T part = PartTaken(&call, action, indicated);
    BOOLEAN retained = FALSE;

    if (data && action == WSKTEST_ACTION_RETAIN)
        retained = RetainData(&call, data, indicated);
    else if (data)
        KeepData(&call, data, part);
    PerformInside(&call);
    if (!data)
        return LeaveCallback(&call, STATUS_SUCCESS, 0);
    if (retained)
        return LeaveCallback(&call, STATUS_PENDING, indicated);
    if (action == WSKTEST_ACTION_RETAIN || action == WSKTEST_ACTION_REFUSE)
        return LeaveCallback(&call, STATUS_DATA_NOT_ACCEPTED, 0);
    if (action == WSKTEST_ACTION_PARTIAL)
        *accepted = part;
    return LeaveCallback(&call, STATUS_SUCCESS, part);
}

_IRQL_requires_max_(DISPATCH_LEVEL)
static NTSTATUS NTAPI DisconnectEvent(PVOID context, ULONG flags)
{
    CALLBACK_CALL call = EnterCallback(context, WSKTEST_CALLBACK_DISCONNECT, flags, TRUE, 0);

    PerformInside(&call);
    return LeaveCallback(&call, STATUS_SUCCESS, 0);
}

_IRQL_requires_max_(DISPATCH_LEVEL)
static NTSTATUS NTAPI SendBacklogEvent(PVOID context, SIZE_T size)
{
    CALLBACK_CALL call = EnterCallback(context, WSKTEST_CALLBACK_SEND_BACKLOG, 0, TRUE, size);

    PerformInside(&call);
    return LeaveCallback(&call, STATUS_SUCCESS, 0);
}

/* The next of the slots that the scenario gave for accepted sockets, or NULL. */
static SLOT *NextAcceptSlot(const CALLBACK_CALL *call)
{
    LONG taken;

    if (!call->step || call->step->action != WSKTEST_ACTION_TAKE ||
        FlagIsRaised(&call->slot->run->recovering))
        return NULL;
    taken = InterlockedIncrement(&call->slot->handlers[call->callback].taken) - 1;
    return (ULONG)taken < call->step->count ? &call->slot->run->slots[call->step->target + taken] : NULL;
}

static VOID KeepAddresses(const CALLBACK_CALL *call, PWSK_SOCKADDR local, PWSK_SOCKADDR remote)
{
    struct wsktest_address pair[2];

    AddressFromWsk(local, &pair[0]);
    AddressFromWsk(remote, &pair[1]);
    if (call->step->result_length >= sizeof(pair))
        memcpy(call->slot->run->results + call->step->result_offset, pair, sizeof(pair));
}

_IRQL_requires_max_(DISPATCH_LEVEL)
static NTSTATUS NTAPI AcceptEvent(PVOID context, ULONG flags, PWSK_SOCKADDR local, PWSK_SOCKADDR remote,
                                  PWSK_SOCKET socket, PVOID *socket_context, const VOID **socket_dispatch)
{
    CALLBACK_CALL call = EnterCallback(context, WSKTEST_CALLBACK_ACCEPT, flags, socket != NULL, 0);
    ULONG category = KindAcceptedCategory(call.slot->category);
    SLOT *slot;

    PerformInside(&call);
    slot = socket ? NextAcceptSlot(&call) : NULL;
    if (!slot)
        return LeaveCallback(&call, STATUS_REQUEST_NOT_ACCEPTED, 0);
    KeepAddresses(&call, local, remote);
    SlotOpen(slot, socket, category);
    FlagRaise(&slot->connected);
    *socket_context = slot;
    *socket_dispatch = CallbackTable(category);
    return LeaveCallback(&call, STATUS_SUCCESS, slot->index);
}

_IRQL_requires_max_(DISPATCH_LEVEL)
static WSK_INSPECT_ACTION NTAPI InspectEvent(PVOID context, PWSK_SOCKADDR local, PWSK_SOCKADDR remote,
                                             PWSK_INSPECT_ID inspection)
{
    CALLBACK_CALL call = EnterCallback(context, WSKTEST_CALLBACK_INSPECT, 0, TRUE, 0);
    ULONG action = ActionOf(&call);
    WSK_INSPECT_ACTION answer = action == WSKTEST_ACTION_REFUSE ? WskInspectReject : WskInspectAccept;

    (void)local;
    (void)remote;
    if (action == WSKTEST_ACTION_RETAIN)
        answer = SlotPend(call.slot, inspection) ? WskInspectPend : WskInspectReject;
    PerformInside(&call);
    LeaveCallback(&call, (NTSTATUS)answer, 0);
    return answer;
}

_IRQL_requires_max_(DISPATCH_LEVEL)
static NTSTATUS NTAPI AbortEvent(PVOID context, PWSK_INSPECT_ID inspection)
{
    CALLBACK_CALL call = EnterCallback(context, WSKTEST_CALLBACK_ABORT, 0, TRUE, inspection->SerialNumber);

    PerformInside(&call);
    return LeaveCallback(&call, STATUS_SUCCESS, 0);
}

_IRQL_requires_max_(DISPATCH_LEVEL)
static NTSTATUS NTAPI ReceiveFromEvent(PVOID context, ULONG flags, PWSK_DATA_INDICATION data)
{
    SIZE_T size = IndicationSize(data);
    CALLBACK_CALL call = EnterCallback(context, WSKTEST_CALLBACK_RECEIVE_FROM, flags, data != NULL, size);
    ULONG action = ActionOf(&call);
    BOOLEAN retained = FALSE;

    if (data && action == WSKTEST_ACTION_RETAIN)
        retained = RetainData(&call, data, size);
    else if (data && action != WSKTEST_ACTION_REFUSE)
        KeepData(&call, data, size);
    PerformInside(&call);
    if (retained)
        return LeaveCallback(&call, STATUS_PENDING, size);
    if (data && (action == WSKTEST_ACTION_RETAIN || action == WSKTEST_ACTION_REFUSE))
        return LeaveCallback(&call, STATUS_DATA_NOT_ACCEPTED, 0);
    return LeaveCallback(&call, STATUS_SUCCESS, size);
}

static const WSK_CLIENT_CONNECTION_DISPATCH connection_table = {ReceiveEvent, DisconnectEvent,
                                                                SendBacklogEvent};
static const WSK_CLIENT_LISTEN_DISPATCH listen_table = {AcceptEvent, InspectEvent, AbortEvent};
static const WSK_CLIENT_DATAGRAM_DISPATCH datagram_table = {ReceiveFromEvent};
static const WSK_CLIENT_STREAM_DISPATCH stream_table = {&listen_table, &connection_table};

const VOID *CallbackTable(ULONG category)
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
