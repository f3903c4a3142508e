/* SPDX-License-Identifier: Apache-2.0
 *
 * From a step to the WSK function that it names, and its arguments.
 */
#include "wsktest.h"

/* Room for results, addresses in WSK's form, the MDL chain. */
NTSTATUS call_prepare(struct operation *op)
{
    const struct wsktest_step *step = op->step;
    const struct wsktest_buffer *shape = &step->buffer;
    const UCHAR *content = kind_receives(step->kind) ? NULL : op->run->data + shape->data_offset;

    if (!kind_is_call(step->kind))
        return STATUS_SUCCESS;
    memset(&op->local, WSKTEST_POISON_BYTE, sizeof(op->local));
    memset(&op->remote, WSKTEST_POISON_BYTE, sizeof(op->remote));
    if (step->local.family)
        address_to_wsk(&step->local, &op->local);
    if (step->remote.family)
        address_to_wsk(&step->remote, &op->remote);
    return shape->mdl_count ? chain_build(&op->chain, shape, content) : STATUS_SUCCESS;
}

static PSECURITY_DESCRIPTOR descriptor_of(const struct operation *op)
{
    const struct wsktest_control *control = &op->step->control;

    return control->input == WSKTEST_INPUT_DESCRIPTOR ? op->run->descriptors[control->value] : NULL;
}

static NTSTATUS make_socket(struct operation *op, WSK_SLOT function)
{
    const struct wsktest_step *step = op->step;
    USHORT family = step->family == WSKTEST_FAMILY_IPV4 ? WSK_AF_INET : WSK_AF_INET6;
    BOOLEAN datagram = step->category == WSKTEST_CATEGORY_DATAGRAM;

    return ((PFN_WSK_SOCKET)function)(op->run->client->npi.Client, family,
                                      datagram ? WSK_SOCK_DGRAM : WSK_SOCK_STREAM,
                                      datagram ? WSK_IPPROTO_UDP : WSK_IPPROTO_TCP, step->category,
                                      &op->run->slots[step->socket], callback_table(step->category), NULL,
                                      NULL, descriptor_of(op), op->irp);
}

static NTSTATUS make_socket_connect(struct operation *op, WSK_SLOT function)
{
    return ((PFN_WSK_SOCKET_CONNECT)function)(
        op->run->client->npi.Client, WSK_SOCK_STREAM, WSK_IPPROTO_TCP, &op->local, &op->remote,
        op->step->flags, &op->run->slots[op->step->socket], callback_table(WSKTEST_CATEGORY_CONNECTION), NULL,
        NULL, descriptor_of(op), op->irp);
}

static NTSTATUS make_accept(struct operation *op, struct slot *slot, WSK_SLOT function)
{
    ULONG category =
        slot->category == WSKTEST_CATEGORY_STREAM ? WSKTEST_CATEGORY_STREAM : WSKTEST_CATEGORY_CONNECTION;

    return ((PFN_WSK_ACCEPT)function)(slot->socket, op->step->flags, &op->run->slots[op->step->target],
                                      callback_table(category), &op->local, &op->remote, op->irp);
}

static NTSTATUS make_control(struct operation *op, struct slot *slot, WSK_SLOT function)
{
    const struct wsktest_control *control = &op->step->control;
    SIZE_T input_size = 0;
    SIZE_T output_size = 0;
    PVOID input = control_input(op, &input_size);
    PVOID output = control_output(op, &output_size);
    /* To be NULL except where there is output and no IRP to report its size. */
    SIZE_T *returned = op->step->result_length && !op->irp ? &op->size_returned : NULL;

    if (!slot)
        return ((PFN_WSK_CONTROL_CLIENT)function)(op->run->client->npi.Client, control->code, input_size,
                                                  input, output_size, output, returned, op->irp);
    return ((PFN_WSK_CONTROL_SOCKET)function)(slot->socket, control->request, control->code, control->level,
                                              input_size, input, output_size, output, returned, op->irp);
}

static NTSTATUS make_release(struct slot *slot, WSK_SLOT function)
{
    PWSK_DATA_INDICATION indication = slot_retained(slot);

    return indication ? ((PFN_WSK_RELEASE)function)(slot->socket, indication) : STATUS_NOT_FOUND;
}

static NTSTATUS make_inspect_complete(struct operation *op, struct slot *slot, WSK_SLOT function)
{
    if (!slot_pended(slot, &op->inspect)) {
        if (op->irp)
            operation_settle(op, STATUS_NOT_FOUND);
        return STATUS_NOT_FOUND;
    }
    return ((PFN_WSK_INSPECT_COMPLETE)function)(slot->socket, &op->inspect,
                                                (WSK_INSPECT_ACTION)op->step->flags, op->irp);
}

static NTSTATUS make_datagram(struct operation *op, struct slot *slot, WSK_SLOT function)
{
    PWSK_BUF buf = &op->buf;

    if (op->step->kind == WSKTEST_STEP_SEND_TO)
        return ((PFN_WSK_SEND_TO)function)(slot->socket, buf, op->step->flags, &op->remote, 0, NULL, op->irp);
    return ((PFN_WSK_RECEIVE_FROM)function)(slot->socket, buf, op->step->flags, &op->remote, NULL, NULL, NULL,
                                            op->irp);
}

/* NULL when the provider offers none. */
WSK_SLOT call_function(struct operation *op, struct slot *slot)
{
    const WSK_PROVIDER_DISPATCH *provider = op->run->client->npi.Dispatch;
    ULONG position;

    if (slot) {
        position = kind_slot(op->step->kind, slot->category);
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

static NTSTATUS make(struct operation *op, struct slot *slot, WSK_SLOT function)
{
    const struct wsktest_step *step = op->step;
    PWSK_BUF buf = step->buffer.mdl_count ? &op->buf : NULL;

    switch (step->kind) {
    case WSKTEST_STEP_SOCKET:
        return make_socket(op, function);
    case WSKTEST_STEP_SOCKET_CONNECT:
        return make_socket_connect(op, function);
    case WSKTEST_STEP_BIND:
        return ((PFN_WSK_ADDRESS_CALL)function)(slot->socket, &op->local, step->flags, op->irp);
    case WSKTEST_STEP_CONNECT:
        return ((PFN_WSK_ADDRESS_CALL)function)(slot->socket, &op->remote, step->flags, op->irp);
    case WSKTEST_STEP_CONNECT_EX:
        return ((PFN_WSK_CONNECT_EX)function)(slot->socket, &op->remote, buf, step->flags, op->irp);
    case WSKTEST_STEP_LISTEN:
        return ((PFN_WSK_LISTEN)function)(slot->socket, op->irp);
    case WSKTEST_STEP_ACCEPT:
        return make_accept(op, slot, function);
    case WSKTEST_STEP_INSPECT_COMPLETE:
        return make_inspect_complete(op, slot, function);
    case WSKTEST_STEP_SEND:
    case WSKTEST_STEP_RECEIVE:
    case WSKTEST_STEP_DISCONNECT:
        return ((PFN_WSK_BUFFER_CALL)function)(slot->socket, buf, step->flags, op->irp);
    case WSKTEST_STEP_SEND_TO:
    case WSKTEST_STEP_RECEIVE_FROM:
        return make_datagram(op, slot, function);
    case WSKTEST_STEP_RELEASE:
        return make_release(slot, function);
    case WSKTEST_STEP_GET_LOCAL_ADDRESS:
        return ((PFN_WSK_GET_ADDRESS)function)(slot->socket, &op->local, op->irp);
    case WSKTEST_STEP_GET_REMOTE_ADDRESS:
        return ((PFN_WSK_GET_ADDRESS)function)(slot->socket, &op->remote, op->irp);
    case WSKTEST_STEP_CLOSE:
        return ((PFN_WSK_CLOSE_SOCKET)function)(slot->socket, op->irp);
    default:
        return make_control(op, slot, function);
    }
}

NTSTATUS call_make(struct operation *op, struct slot *slot, WSK_SLOT function)
{
    NTSTATUS status;

    op->buf = op->chain.buf;
    status = make(op, slot, function);
    if (status == STATUS_PENDING && op->step->options & WSKTEST_OPTION_POISON)
        memset(&op->buf, WSKTEST_POISON_BYTE, sizeof(op->buf));
    return status;
}
