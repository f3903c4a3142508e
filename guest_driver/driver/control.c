/* SPDX-License-Identifier: Apache-2.0
 *
 * What WskControlSocket and WskControlClient are given and give back. Structures
 * with pointers in them are made here; all else is bytes of the scenario's.
 */
#include "control.h"

#include "run_state.h"

/* NPI_WSK_INTERFACE_ID, which Windows has in a static library. */
static const GUID wsk_interface = {
    0x2227e803, 0x8d8b, 0x11d4, {0xab, 0xad, 0x00, 0x90, 0x27, 0x71, 0x9e, 0x09}};

PVOID ControlInput(OPERATION *op, SIZE_T *size)
{
    const struct wsktest_control *control = &op->step->control;
    PVOID bytes = (PVOID)(op->run->data + control->data_offset);

    switch (control->input) {
    case WSKTEST_INPUT_BYTES:
        *size = control->data_length;
        return bytes;
    case WSKTEST_INPUT_EVENTS:
        op->events.NpiId = &wsk_interface;
        op->events.EventMask = control->value;
        *size = sizeof(op->events);
        return &op->events;
    case WSKTEST_INPUT_POINTER:
        op->pointer = bytes;
        break;
    case WSKTEST_INPUT_DESCRIPTOR:
        op->pointer = op->run->descriptors[control->value];
        break;
    default:
        return NULL;
    }
    *size = sizeof(op->pointer);
    return &op->pointer;
}

PVOID ControlOutput(OPERATION *op, SIZE_T *size)
{
    const struct wsktest_step *step = op->step;

    if (step->control.keep) {
        *size = sizeof(op->pointer);
        return &op->pointer;
    }
    *size = step->result_length;
    return step->result_length ? op->run->results + step->result_offset : NULL;
}

/* After success: who owns which security descriptor now. */
VOID ControlKeep(const OPERATION *op)
{
    const struct wsktest_control *control = &op->step->control;

    if (control->keep)
        op->run->descriptors[control->keep - 1] = op->pointer;
    if (op->step->kind == WSKTEST_STEP_CONTROL_CLIENT && control->code == WSK_RELEASE_SD &&
        control->input == WSKTEST_INPUT_DESCRIPTOR)
        op->run->descriptors[control->value] = NULL;
}

/* WSK would keep them for ever. */
VOID ControlReleaseAll(RUN *run)
{
    const WSK_PROVIDER_NPI *npi = &run->client->npi;

    for (ULONG i = 0; i < WSKTEST_MAX_DESCRIPTORS && run->client->captured; i++)
        if (run->descriptors[i])
            npi->Dispatch->WskControlClient(npi->Client, WSK_RELEASE_SD, sizeof(run->descriptors[i]),
                                            &run->descriptors[i], 0, NULL, NULL, NULL);
}
