/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of wsktest.sys and what each offers the others.
 */
#ifndef WSKTEST_H
#define WSKTEST_H

#include <ntifs.h>

#include "../include/wsk.h"
#include "../include/wsktest_abi.h"

#define POOL_TAG 'tksW'
#define MILLISECOND 10000LL /* in the 100 ns units of kernel timeouts */
#define RECOVERY_OPERATIONS (2 * WSKTEST_MAX_SOCKETS)

struct run;
struct slot;

/* memory.c: non-paged pool, zeroed. */
PVOID allocate(SIZE_T size);
VOID release(PVOID memory);

/* irql.c: IRQL through the kernel's exports, or CR8 where it has none. */
VOID irql_init(VOID);
KIRQL irql_current(VOID);
KIRQL irql_raise(KIRQL level);
VOID irql_lower(KIRQL level);
KIRQL irql_lock(PKSPIN_LOCK lock);
VOID irql_unlock(PKSPIN_LOCK lock, KIRQL before);

/* clock.c */
ULONG64 clock_now(VOID); /* KeQueryPerformanceCounter */
ULONG64 clock_us_since(ULONG64 begin);
VOID clock_sleep_us(ULONG us);
VOID clock_hold_us(ULONG us); /* busy: at any IRQL */

/* trace.c: the event ring. Usable at any IRQL <= DISPATCH_LEVEL. */
struct trace {
    struct wsktest_event *events;
    ULONG capacity;
    volatile LONG next; /* the sequence number of the next event */
};

VOID trace_begin(struct wsktest_event *event, ULONG step, USHORT kind);
VOID trace_record(struct trace *trace, const struct wsktest_event *event);
ULONG trace_count(const struct trace *trace);
ULONG trace_lost(const struct trace *trace);

/* validate.c, validate_step.c, validate_order.c */
struct verdict {
    ULONG reject; /* enum wsktest_reject */
    ULONG step;
};

/* What is known of a scenario when its steps before some step have been checked. */
struct seen {
    ULONG64 created; /* one bit a socket slot */
    ULONG64 closed;
    ULONG64 buffer_bytes;
    USHORT category[WSKTEST_MAX_SOCKETS];
    ULONG accepting[WSKTEST_MAX_SOCKETS]; /* 1 + the ACCEPT that nobody has waited for */
    UCHAR waited[WSKTEST_MAX_STEPS];      /* 1 + the strand of the last WAIT for the step */
    UCHAR looped[WSKTEST_MAX_STEPS];      /* in a REPEAT */
    UCHAR handed_on[WSKTEST_MAX_STEPS];   /* its IRP has been reused */
    ULONG loop_begin;                     /* steps of the REPEAT that encloses this one */
    ULONG loop_end;
};

struct verdict validate_scenario(const VOID *bytes, ULONG size);
ULONG validate_step(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen);
ULONG validate_order(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen);
ULONG validate_loop_end(const struct wsktest_scenario *scenario, ULONG index, const struct seen *seen);
const struct wsktest_step *scenario_steps(const struct wsktest_scenario *scenario);

/* kind.c: what kinds of steps there are. */
BOOLEAN kind_is_call(ULONG kind);        /* a WSK function with a dispatch table slot */
BOOLEAN kind_creates_socket(ULONG kind); /* in the step's own slot */
BOOLEAN kind_uses_socket(ULONG kind);
BOOLEAN kind_has_irp(ULONG kind);
BOOLEAN kind_receives(ULONG kind);
BOOLEAN kind_hooks(const struct wsktest_step *step); /* is it performed by a completion or callback? */
ULONG kind_slot(ULONG kind, ULONG category);         /* 1 + position in the dispatch table; 0: none */

/* chain.c: the MDL chain behind a WSK_BUF. */
struct chain {
    WSK_BUF buf;
    UCHAR *memory;
    ULONG stride;
};

NTSTATUS chain_build(struct chain *chain, const struct wsktest_buffer *shape, const UCHAR *data);
VOID chain_copy_out(const struct chain *chain, const struct wsktest_buffer *shape, UCHAR *to);
VOID chain_free(struct chain *chain);
SIZE_T indication_copy(const WSK_DATA_INDICATION *indication, UCHAR *to, SIZE_T room);
SIZE_T indication_size(const WSK_DATA_INDICATION *indication);

/* provider.c: WSK registration, for the driver's life or for a run's. */
struct client {
    WSK_REGISTRATION registration;
    WSK_PROVIDER_NPI npi;
    BOOLEAN registered;
    BOOLEAN captured;
};

NTSTATUS provider_start(VOID);
VOID provider_stop(VOID);
struct client *provider(VOID);
NTSTATUS client_start(struct client *client);
VOID client_release(struct client *client);
VOID client_deregister(struct client *client);

/* address.c */
VOID address_to_wsk(const struct wsktest_address *from, PWSK_SOCKADDR to);
VOID address_from_wsk(const WSK_SOCKADDR *from, struct wsktest_address *to);

/* operation.c: one step, its IRP, and what became of both. */
struct operation {
    struct run *run;
    const struct wsktest_step *step;
    ULONG index;
    ULONG iteration;
    UCHAR flags; /* WSKTEST_EVENT_RECOVERY for recovery's own calls */
    volatile BOOLEAN called;
    PIRP irp;
    PVOID irp_memory; /* of an IRP that IoInitializeIrp made */
    KEVENT done;
    volatile LONG completions;
    NTSTATUS status;
    ULONG_PTR information;
    struct chain chain;
    WSK_BUF buf; /* what WSK is given; its end is the call's */
    WSK_SOCKADDR local;
    WSK_SOCKADDR remote;
    SIZE_T size_returned;
    PVOID pointer; /* in or out: a security descriptor */
    WSK_EVENT_CALLBACK_CONTROL events;
    WSK_INSPECT_ID inspect;
    KSPIN_LOCK lock;
    KDPC dpc;
    KEVENT dpc_done;
    volatile LONG dpc_taken; /* by the DPC, or by the one who gave it up */
    HANDLE thread; /* DEREGISTER */
};

NTSTATUS operation_prepare(struct operation *op, struct run *run, ULONG index);
NTSTATUS operation_perform(struct operation *op);
NTSTATUS operation_here(struct operation *op);
BOOLEAN operation_pending(const struct operation *op);
BOOLEAN operation_succeeded(const struct operation *op);
BOOLEAN operation_wait(struct operation *op, LONGLONG limit_ms);
VOID operation_settle(struct operation *op, NTSTATUS status);
VOID operation_note(const struct operation *op, USHORT kind, NTSTATUS status, ULONG64 information);
BOOLEAN operation_cancel(struct operation *op);
VOID operation_free(struct operation *op);

/* irp.c */
NTSTATUS irp_create(struct operation *op);
NTSTATUS irp_arm(struct operation *op);
VOID irp_free(struct operation *op);

/* context.c: calls operation_here in the context that the step names. */
NTSTATUS context_enter(struct operation *op);

/* call.c: the WSK function that a step stands for. */
NTSTATUS call_prepare(struct operation *op);
WSK_SLOT call_function(struct operation *op, struct slot *slot);
NTSTATUS call_make(struct operation *op, struct slot *slot, WSK_SLOT function);

/* control.c: input and output of WskControlSocket and WskControlClient. */
PVOID control_input(struct operation *op, SIZE_T *size);
PVOID control_output(struct operation *op, SIZE_T *size);
VOID control_keep(struct operation *op);
VOID control_release_all(struct run *run);

/* slot.c: a socket, and what keeps its close apart from other calls. */
struct handler {
    const struct wsktest_step *volatile step; /* ON_EVENT, or NULL */
    volatile LONG count;
    volatile LONG taken; /* sockets, or bytes */
};

struct slot {
    struct run *run;
    ULONG index;
    ULONG category;
    PWSK_SOCKET socket;
    const WSK_SLOT *table; /* its dispatch table, valid after close too */
    BOOLEAN connected;
    volatile BOOLEAN closing;
    volatile BOOLEAN closed;
    LONG calls; /* in progress */
    HANDLE caller;
    KSPIN_LOCK lock;
    struct handler handlers[WSKTEST_CALLBACK_COUNT];
    PWSK_DATA_INDICATION retained[WSKTEST_MAX_RETAINED];
    ULONG retained_count;
    WSK_INSPECT_ID inspections[WSKTEST_MAX_RETAINED];
    ULONG inspection_count;
};

VOID slot_open(struct slot *slot, PWSK_SOCKET socket, ULONG category);
NTSTATUS slot_enter(struct slot *slot, const struct operation *op);
VOID slot_leave(struct slot *slot);
BOOLEAN slot_retain(struct slot *slot, PWSK_DATA_INDICATION indication);
PWSK_DATA_INDICATION slot_retained(struct slot *slot);
BOOLEAN slot_pend(struct slot *slot, const WSK_INSPECT_ID *inspection);
BOOLEAN slot_pended(struct slot *slot, WSK_INSPECT_ID *inspection);

/* callback.c: the client's side of WSK's events. */
const VOID *callback_table(ULONG category);

/* hook.c: steps that completions and callbacks perform. */
VOID hook_completion(struct operation *op);
VOID hook_callback(struct slot *slot, ULONG callback);
VOID hook_count(struct slot *slot, ULONG callback);
BOOLEAN hook_enter(struct run *run);
VOID hook_leave(struct run *run);

/* strand.c: threads that perform steps. */
struct barrier {
    LONG parties;
    volatile LONG arrived;
    volatile LONG generation;
    KEVENT open[2];
};

NTSTATUS strands_run(struct run *run);

/* freeze.c */
VOID freeze(VOID); /* does not return */
VOID run_stop(struct run *run, ULONG index, ULONG outcome, NTSTATUS status, USHORT event);

/* run.c: one scenario. */
struct run {
    struct trace trace;
    struct wsktest_scenario *scenario;
    struct wsktest_step *steps; /* the scenario's, then recovery's own */
    const UCHAR *data;
    UCHAR *results; /* the receive area */
    struct operation *operations; /* one a step */
    volatile ULONG operation_count;
    struct slot slots[WSKTEST_MAX_SOCKETS];
    struct barrier barriers[WSKTEST_MAX_BARRIERS];
    PSECURITY_DESCRIPTOR descriptors[WSKTEST_MAX_DESCRIPTORS];
    struct client own;
    struct client *client;
    BOOLEAN hooked; /* has steps that completions or callbacks perform, or waits for callbacks */
    volatile BOOLEAN recovering;
    volatile LONG inside; /* hooks and callbacks in progress */
    volatile LONG outcome; /* enum wsktest_outcome */
    ULONG stop_step;
    NTSTATUS stop_status;
    ULONG pending;
    ULONG64 qpc_begin;
    ULONG64 qpc_end;
};

NTSTATUS run_scenario(VOID *buffer, ULONG input_size, ULONG output_size, ULONG *written);
ULONG run_leaked(VOID);

/* result.c: the trace that a run is answered with. */
VOID result_write(struct run *run, struct wsktest_trace *trace);
VOID result_reject(struct wsktest_trace *trace, struct verdict verdict);
ULONG64 result_size(const struct wsktest_scenario *scenario);

/* recover.c: completes or closes what a scenario left. */
VOID recover(struct run *run);

#endif
