/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scenario leaves behind is completed or closed here, in stages that
 * each have a limit: cancel the IRPs, abort the connections, close the sockets.
 * What survives all of them is hung: it is reported and never freed.
 */
#include "wsktest.h"

#define POLL_US 1000

static VOID wait_for_all(struct run *run)
{
    LONGLONG limit_ms = run->scenario->recovery_ms;
    ULONG64 begin = clock_now();

    /* One limit for the stage, however many IRPs are pending. */
    for (ULONG i = 0; i < run->operation_count; i++) {
        LONGLONG left_ms = limit_ms - (LONGLONG)(clock_us_since(begin) / 1000);

        if (operation_pending(&run->operations[i]))
            operation_wait(&run->operations[i], left_ms > 0 ? left_ms : 0);
    }
}

/* Hooks and callbacks that had begun leave by themselves: they are short. */
static BOOLEAN wait_for_insiders(struct run *run)
{
    ULONG64 begin = clock_now();
    ULONG64 limit_us = WSKTEST_MAX_HOLD_US + run->scenario->recovery_ms * 1000ULL;

    while (run->inside && clock_us_since(begin) < limit_us)
        clock_sleep_us(POLL_US);
    return run->inside == 0;
}

static BOOLEAN any_pending(const struct run *run)
{
    for (ULONG i = 0; i < run->operation_count; i++)
        if (operation_pending(&run->operations[i]))
            return TRUE;
    return FALSE;
}

static BOOLEAN open(const struct slot *slot)
{
    return slot->socket && !slot->closing;
}

static VOID call_on(struct run *run, ULONG slot, USHORT kind, ULONG flags)
{
    ULONG index = run->operation_count;
    struct operation *op = &run->operations[index];
    struct wsktest_step *step = &run->steps[index];

    if (index == run->scenario->step_count + RECOVERY_OPERATIONS)
        return;
    step->kind = kind;
    step->socket = slot;
    step->flags = flags;
    step->cpu = WSKTEST_ANY_CPU;
    run->operation_count++;
    if (!NT_SUCCESS(operation_prepare(op, run, index)))
        return;
    op->flags = WSKTEST_EVENT_RECOVERY;
    operation_perform(op);
}

static VOID cancel_pending(struct run *run)
{
    for (ULONG i = 0; i < run->operation_count; i++)
        if (operation_pending(&run->operations[i]))
            operation_note(&run->operations[i], WSKTEST_EVENT_CANCEL, operation_cancel(&run->operations[i]),
                           0);
}

static VOID abort_connections(struct run *run)
{
    for (ULONG i = 0; i < WSKTEST_MAX_SOCKETS; i++)
        if (open(&run->slots[i]) && run->slots[i].connected)
            call_on(run, i, WSKTEST_STEP_DISCONNECT, WSK_FLAG_ABORTIVE);
}

static VOID release_retained(struct slot *slot)
{
    ULONG position = kind_slot(WSKTEST_STEP_RELEASE, slot->category);
    PWSK_DATA_INDICATION indication;

    while (position && slot->table[position - 1] && (indication = slot_retained(slot)) != NULL)
        ((PFN_WSK_RELEASE)slot->table[position - 1])(slot->socket, indication);
}

static VOID close_sockets(struct run *run)
{
    for (ULONG i = 0; i < WSKTEST_MAX_SOCKETS; i++) {
        if (!open(&run->slots[i]))
            continue;
        release_retained(&run->slots[i]);
        call_on(run, i, WSKTEST_STEP_CLOSE, 0);
    }
}

static VOID report_hung(struct run *run)
{
    for (ULONG i = 0; i < run->operation_count; i++) {
        if (!operation_pending(&run->operations[i]))
            continue;
        operation_note(&run->operations[i], WSKTEST_EVENT_HUNG, STATUS_SUCCESS, 0);
        run->pending++;
    }
    /* WSK still has the slot of an open socket as its context. */
    for (ULONG i = 0; i < WSKTEST_MAX_SOCKETS; i++)
        run->pending += open(&run->slots[i]);
    if (run->pending)
        run->outcome = WSKTEST_OUTCOME_HUNG;
}

VOID recover(struct run *run)
{
    run->recovering = TRUE;
    wait_for_insiders(run);
    if (run->outcome == WSKTEST_OUTCOME_LIMIT) {
        cancel_pending(run);
        wait_for_all(run);
        if (any_pending(run)) {
            abort_connections(run);
            wait_for_all(run);
        }
    }
    close_sockets(run);
    wait_for_all(run);
    close_sockets(run); /* what a listener accepted until it was closed itself */
    wait_for_all(run);
    control_release_all(run);
    if (!wait_for_insiders(run))
        run->pending++;
    report_hung(run);
}
