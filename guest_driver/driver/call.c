/* SPDX-License-Identifier: Apache-2.0
 *
 * From a step to the WSK function that it names, and its arguments.
 */
#include "address.h"
#include "control.h"
#include "events.h"
#include "kind.h"
#include "perform.h"

/* What nobody gave is the call's to write: poison shows what it did not. */
static VOID PrepareAddress(const struct wsktest_address *given, PWSK_SOCKADDR address)
{
    if (given->family)
        AddressToWsk(given, address);
    else
        memset(address, WSKTEST_POISON_BYTE, sizeof(*address));
}

NTSTATUS CallPrepare(OPERATION *op)
{
    const struct wsktest_step *step = op->step;

    if (!KindIsCall(step->kind))
        return STATUS_SUCCESS;
    PrepareAddress(&step->local, &op->local);
    PrepareAddress(&step->remote, &op->remote);
    if (!step->buffer.mdl_count)
        return STATUS_SUCCESS;
    return ChainBuild(&op->chain, &step->buffer, op->run->data, KindReceives(step->kind));
}

NTSTATUS CallTakeSubject(OPERATION *op, SLOT *slot)
{
    BOOLEAN taken = TRUE;

    if (op->step->kind == WSKTEST_STEP_RELEASE) {
        op->indication = SlotTakeRetained(slot);
        taken = op->indication != NULL;
    } else if (op->step->kind == WSKTEST_STEP_INSPECT_COMPLETE) {
        taken = SlotTakePended(slot, &op->inspect);
    }
    return taken ? STATUS_SUCCESS : STATUS_NO_MORE_ENTRIES;
}

static PSECURITY_DESCRIPTOR DescriptorOf(const OPERATION *op)
{
    const struct wsktest_control *control = &op->step->control;

    return control->input == WSKTEST_INPUT_DESCRIPTOR ? op->run->descriptors[control->value] : NULL;
}

static NTSTATUS MakeSocket(OPERATION *op, WSK_SLOT function)
{
    const struct wsktest_step *step = op->step;
    USHORT family = step->family == WSKTEST_FAMILY_IPV4 ? WSK_AF_INET : WSK_AF_INET6;
    BOOLEAN datagram = step->category == WSKTEST_CATEGORY_DATAGRAM;
    /* A basic socket has no events, hence no context. */
    PVOID context = step->category == WSKTEST_CATEGORY_BASIC ? NULL : &op->run->slots[step->socket];

    return ((PFN_WSK_SOCKET)function)(op->run->client->npi.Client, family,
                                      datagram ? WSK_SOCK_DGRAM : WSK_SOCK_STREAM,
                                      datagram ? WSK_IPPROTO_UDP : WSK_IPPROTO_TCP, step->category, context,
                                      CallbackTable(step->category), NULL, NULL, DescriptorOf(op), op->irp);
}

static NTSTATUS MakeSocketConnect(OPERATION *op, WSK_SLOT function)
{
    return ((PFN_WSK_SOCKET_CONNECT)function)(
        op->run->client->npi.Client, WSK_SOCK_STREAM, WSK_IPPROTO_TCP, &op->local, &op->remote,
        op->step->flags, &op->run->slots[op->step->socket], CallbackTable(WSKTEST_CATEGORY_CONNECTION), NULL,
        NULL, DescriptorOf(op), op->irp);
}

static NTSTATUS MakeAccept(OPERATION *op, SLOT *slot, WSK_SLOT function)
{
    const VOID *events = CallbackTable(KindAcceptedCategory(slot->category));

    return ((PFN_WSK_ACCEPT)function)(slot->socket, op->step->flags, &op->run->slots[op->step->target],
                                      events, &op->local, &op->remote, op->irp);
}

static NTSTATUS MakeControl(OPERATION *op, SLOT *slot, WSK_SLOT function)
{
    const struct wsktest_control *control = &op->step->control;
    SIZE_T input_size = 0;
    SIZE_T output_size = 0;
    PVOID input = ControlInput(op, &input_size);
    PVOID output = ControlOutput(op, &output_size);
    /* To be NULL except where there is output and no IRP to report its size. */
    SIZE_T *returned = op->step->result_length && !op->irp ? &op->size_returned : NULL;

    if (!slot)
        return ((PFN_WSK_CONTROL_CLIENT)function)(op->run->client->npi.Client, control->code, input_size,
                                                  input, output_size, output, returned, op->irp);
    return ((PFN_WSK_CONTROL_SOCKET)function)(slot->socket, control->request, control->code, control->level,
                                              input_size, input, output_size, output, returned, op->irp);
}

static NTSTATUS MakeDatagram(OPERATION *op, SLOT *slot, WSK_SLOT function)
{
    PWSK_BUF buf = &op->buf;

    if (op->step->kind == WSKTEST_STEP_SEND_TO)
        return ((PFN_WSK_SEND_TO)function)(slot->socket, buf, op->step->flags, &op->remote, 0, NULL, op->irp);
    return ((PFN_WSK_RECEIVE_FROM)function)(slot->socket, buf, op->step->flags, &op->remote, NULL, NULL, NULL,
                                            op->irp);
}

WSK_SLOT CallFunction(const OPERATION *op, const SLOT *slot)
{
    const WSK_PROVIDER_DISPATCH *provider = op->run->client->npi.Dispatch;
    ULONG position;

    if (slot) {
        position = KindDispatchSlot(op->step->kind, slot->category);
        return position ? slot->table[position - 1] : NULL;
    }
    if (!op->run->client->captured)
        return NULL;
    switch (op->step->kind) {
    case WSKTEST_STEP_SOCKET:
        return (WSK_SLOT)provider->WskSocket;
    case WSKTEST_STEP_SOCKET_CONNECT:
        return (WSK_SLOT)provider->WskSocketConnect;
    default:
        return (WSK_SLOT)provider->WskControlClient;
    }
}

static NTSTATUS MakeByKind(OPERATION *op, SLOT *slot, WSK_SLOT function)
{
    const struct wsktest_step *step = op->step;
    PWSK_BUF buf = step->buffer.mdl_count ? &op->buf : NULL;

    switch (step->kind) {
    case WSKTEST_STEP_SOCKET:
        return MakeSocket(op, function);
    case WSKTEST_STEP_SOCKET_CONNECT:
        return MakeSocketConnect(op, function);
    case WSKTEST_STEP_BIND:
        return ((PFN_WSK_ADDRESS_CALL)function)(slot->socket, &op->local, step->flags, op->irp);
    case WSKTEST_STEP_CONNECT:
        return ((PFN_WSK_ADDRESS_CALL)function)(slot->socket, &op->remote, step->flags, op->irp);
    case WSKTEST_STEP_CONNECT_EX:
        return ((PFN_WSK_CONNECT_EX)function)(slot->socket, &op->remote, buf, step->flags, op->irp);
    case WSKTEST_STEP_LISTEN:
        return ((PFN_WSK_LISTEN)function)(slot->socket, op->irp);
    case WSKTEST_STEP_ACCEPT:
        return MakeAccept(op, slot, function);
    case WSKTEST_STEP_INSPECT_COMPLETE:
        return ((PFN_WSK_INSPECT_COMPLETE)function)(slot->socket, &op->inspect,
                                                    (WSK_INSPECT_ACTION)step->flags, op->irp);
    case WSKTEST_STEP_SEND:
    case WSKTEST_STEP_RECEIVE:
    case WSKTEST_STEP_DISCONNECT:
        return ((PFN_WSK_BUFFER_CALL)function)(slot->socket, buf, step->flags, op->irp);
    case WSKTEST_STEP_SEND_TO:
    case WSKTEST_STEP_RECEIVE_FROM:
        return MakeDatagram(op, slot, function);
    case WSKTEST_STEP_RELEASE:
        return ((PFN_WSK_RELEASE)function)(slot->socket, op->indication);
    case WSKTEST_STEP_GET_LOCAL_ADDRESS:
        return ((PFN_WSK_GET_ADDRESS)function)(slot->socket, &op->local, op->irp);
    case WSKTEST_STEP_GET_REMOTE_ADDRESS:
        return ((PFN_WSK_GET_ADDRESS)function)(slot->socket, &op->remote, op->irp);
    case WSKTEST_STEP_CLOSE:
        return ((PFN_WSK_CLOSE_SOCKET)function)(slot->socket, op->irp);
    default:
        return MakeControl(op, slot, function);
    }
}

NTSTATUS CallMake(OPERATION *op, SLOT *slot, WSK_SLOT function)
{
    NTSTATUS status;

    op->buf = op->chain.buf;
    status = MakeByKind(op, slot, function);
    if (status == STATUS_PENDING && op->step->options & WSKTEST_OPTION_POISON)
        memset(&op->buf, WSKTEST_POISON_BYTE, sizeof(op->buf));
    return status;
}
