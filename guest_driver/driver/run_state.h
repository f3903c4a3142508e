/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a scenario while it is performed; every part of the run reads it.
 */
#ifndef WSKTEST_RUN_STATE_H
#define WSKTEST_RUN_STATE_H

#include "chain.h"
#include "provider.h"
#include "slot.h"
#include "sync.h"
#include "trace.h"

#define RECOVERY_OPERATIONS (2 * WSKTEST_MAX_SOCKETS)

typedef struct _BARRIER {
    LONG parties;
    volatile LONG arrived;
    volatile LONG generation;
    KEVENT open[2];
} BARRIER;

/* One step of a scenario: its IRP, and what became of both. */
typedef struct _OPERATION {
    struct _RUN *run;
    const struct wsktest_step *step;
    ULONG index;
    ULONG iteration;
    UCHAR flags;  /* WSKTEST_EVENT_RECOVERY for recovery's own calls */
    FLAG claimed; /* a hooked step is performed once, whoever comes first */
    FLAG called;  /* raised before the call, so that its completion finds it raised */
    PIRP irp;
    PVOID irp_memory; /* of an IRP that IoInitializeIrp made */
    KEVENT done;      /* set when `status` and `information` are there */
    volatile LONG completions;
    NTSTATUS status;
    ULONG_PTR information;
    CHAIN chain;
    WSK_BUF buf; /* what WSK is given; its end is the call's */
    WSK_SOCKADDR local;
    WSK_SOCKADDR remote;
    SIZE_T size_returned;
    PVOID pointer; /* in or out: a security descriptor */
    WSK_EVENT_CALLBACK_CONTROL events;
    PWSK_DATA_INDICATION indication; /* RELEASE */
    WSK_INSPECT_ID inspect;          /* INSPECT_COMPLETE */
    KSPIN_LOCK lock;                 /* context SPINLOCK: held around the call */
    KDPC dpc;
    KEVENT dpc_done;
    FLAG dpc_taken; /* by the DPC, or by the one who gave it up */
    HANDLE thread;  /* DEREGISTER */
} OPERATION;

/* Who performs the steps that a completion or an event callback sets off. A table, because those who
 * report either need not know how steps are performed. */
typedef struct _RUN_HOOKS {
    VOID (*Completed)(OPERATION *op);
    VOID (*CalledBack)(SLOT *slot, ULONG callback);
} RUN_HOOKS;

typedef struct _RUN {
    TRACE trace;
    struct wsktest_scenario *scenario;
    struct wsktest_step *steps; /* the scenario's, then recovery's own */
    const UCHAR *data;
    UCHAR *results;        /* the receive area */
    OPERATION *operations; /* one a step */
    volatile ULONG operation_count;
    SLOT slots[WSKTEST_MAX_SOCKETS];
    BARRIER barriers[WSKTEST_MAX_BARRIERS];
    PSECURITY_DESCRIPTOR descriptors[WSKTEST_MAX_DESCRIPTORS];
    CLIENT own;
    CLIENT *client;
    const RUN_HOOKS *hooks;
    BOOLEAN hooked;        /* has steps that completions or callbacks perform, or waits for callbacks */
    FLAG recovering;       /* raised before `inside` is read; see sync.h */
    volatile LONG inside;  /* hooks and callbacks in progress, counted before `recovering` is read */
    volatile LONG outcome; /* enum wsktest_outcome; the first who changes it writes the next two */
    ULONG stop_step;
    NTSTATUS stop_status;
    ULONG pending; /* what is not over and keeps the run's memory: IRPs, open sockets, callbacks */
    ULONG64 qpc_begin;
    ULONG64 qpc_end;
} RUN;

#endif
