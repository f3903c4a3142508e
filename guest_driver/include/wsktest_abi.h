/* SPDX-License-Identifier: Apache-2.0
 *
 * The one description of what goes into wsktest.sys and what comes out of it.
 * The driver, wskctl and the Python harness all read this file, so it keeps to
 * what every one of them can parse: #define, enum, and structs of fixed-width
 * integers. Everything is little-endian and naturally aligned; there is no
 * padding that is not spelled out.
 *
 * A change of any layout or meaning raises WSKTEST_ABI_VERSION.
 */
#ifndef WSKTEST_ABI_H
#define WSKTEST_ABI_H

#ifndef WSKTEST_ABI_PARSER
#include <stdint.h>
#endif

/* A table of fields and what they mean. */
/* clang-format off */

#define WSKTEST_ABI_VERSION 6

/* ---- Scenario: header, steps, data area -------------------------------- */

#define WSKTEST_SCENARIO_MAGIC 0x534b5357 /* "WSKS" */

#define WSKTEST_MAX_STEPS 1024
#define WSKTEST_MAX_SOCKETS 64
#define WSKTEST_MAX_STRANDS 16
#define WSKTEST_MAX_BARRIERS 16
#define WSKTEST_MAX_DESCRIPTORS 8         /* cached security descriptors */
#define WSKTEST_MAX_RETAINED 16           /* indications of one socket at a time */
#define WSKTEST_MAX_REPEATS 1000000
#define WSKTEST_MAX_MDLS 64
#define WSKTEST_MAX_BUFFER 0x400000       /* bytes behind one WSK_BUF */
#define WSKTEST_MAX_BUFFERS 0x1000000     /* bytes behind all WSK_BUFs of a run */
#define WSKTEST_MAX_SCENARIO 0x1000000    /* bytes of the whole scenario */
#define WSKTEST_MAX_EVENTS 0x40000
#define WSKTEST_MAX_RECEIVE 0x400000      /* bytes of the receive area */
#define WSKTEST_MAX_LIMIT_MS 600000
#define WSKTEST_MAX_HOLD_US 2000000       /* busy wait inside one event callback */

/* Steps that break the callers' side of the contract, or can take the guest
 * down, are refused unless the scenario says so. */
#define WSKTEST_SCENARIO_DANGEROUS 0x1
/* The run registers with WSK for itself, instead of sharing the driver's registration. */
#define WSKTEST_SCENARIO_OWN_CLIENT 0x2

struct wsktest_scenario {
    uint32_t magic;
    uint16_t version;
    uint16_t header_size;      /* sizeof(struct wsktest_scenario) */
    uint32_t total_size;       /* of header, steps and data together */
    uint32_t flags;            /* WSKTEST_SCENARIO_* */
    uint64_t id;               /* echoed in the trace */
    uint32_t step_count;
    uint32_t step_size;        /* sizeof(struct wsktest_step) */
    uint32_t steps_offset;     /* from the start of the scenario */
    uint32_t data_offset;      /* from the start of the scenario */
    uint32_t data_size;
    uint32_t receive_size;     /* bytes of the receive area in the trace */
    uint32_t event_capacity;   /* events the trace has room for */
    uint32_t recovery_ms;      /* wait after each stage of recovery: cancel, abort, close */
};

/* Up to CLOSE the steps are WSK calls. Those of a strand are performed in order, and
 * none waits for an IRP unless it says so. */
enum wsktest_step_kind {
    WSKTEST_STEP_SOCKET = 1,           /* WskSocket; `category`, `family` */
    WSKTEST_STEP_SOCKET_CONNECT = 2,   /* WskSocketConnect from `local` to `remote` */
    WSKTEST_STEP_BIND = 3,             /* WskBind to `local` */
    WSKTEST_STEP_CONNECT = 4,          /* WskConnect to `remote` */
    WSKTEST_STEP_CONNECT_EX = 5,       /* WskConnectEx to `remote`, with `buffer` */
    WSKTEST_STEP_LISTEN = 6,           /* WskListen of a stream socket */
    WSKTEST_STEP_ACCEPT = 7,           /* WskAccept into socket slot `target`; result: both addresses */
    WSKTEST_STEP_INSPECT_COMPLETE = 8, /* WskInspectComplete of the oldest pended inspection with `flags` */
    WSKTEST_STEP_SEND = 9,             /* WskSend */
    WSKTEST_STEP_RECEIVE = 10,         /* WskReceive */
    WSKTEST_STEP_SEND_TO = 11,         /* WskSendTo `remote` */
    WSKTEST_STEP_RECEIVE_FROM = 12,    /* WskReceiveFrom; result: the remote address */
    WSKTEST_STEP_DISCONNECT = 13,      /* WskDisconnect */
    WSKTEST_STEP_RELEASE = 14,         /* WskRelease of the oldest retained indication */
    WSKTEST_STEP_GET_LOCAL_ADDRESS = 15,
    WSKTEST_STEP_GET_REMOTE_ADDRESS = 16,
    WSKTEST_STEP_CONTROL_SOCKET = 17,  /* WskControlSocket as `control` says */
    WSKTEST_STEP_CONTROL_CLIENT = 18,  /* WskControlClient as `control` says */
    WSKTEST_STEP_CLOSE = 19,           /* WskCloseSocket */
    WSKTEST_STEP_RELEASE_NPI = 20,     /* WskReleaseProviderNPI of the run's own client */
    WSKTEST_STEP_DEREGISTER = 21,      /* WskDeregister of it, on a thread of its own */
    WSKTEST_STEP_CANCEL = 22,          /* IoCancelIrp of step `target` */
    WSKTEST_STEP_WAIT = 23,            /* until step `target` completed, at most `limit_ms` */
    WSKTEST_STEP_WAIT_EVENT = 24,      /* until `callback` of `socket` returned `count` times in all */
    WSKTEST_STEP_DELAY = 25,           /* `delay_us` */
    WSKTEST_STEP_BARRIER = 26,         /* until every strand with barrier `target` is at it */
    WSKTEST_STEP_REPEAT = 27,          /* the `target` steps that follow, `count` times */
    WSKTEST_STEP_ON_EVENT = 28,        /* what `callback` of `socket`, which may be yet to be made, does from now
                                          on: `action` */
    WSKTEST_STEP_BUGCHECK = 29,        /* KeBugCheckEx(`target`); dangerous */
    WSKTEST_STEP_NOTHING = 30,         /* the events of a call and no call: what they cost */
    WSKTEST_STEP_FREEZE = 31           /* every processor loops at DISPATCH_LEVEL for ever; dangerous */
};

/* Where the WSK call of a step is made. In the last two the step is not performed
 * in its turn, but once, when the completion or callback first happens. */
enum wsktest_context {
    WSKTEST_CONTEXT_PASSIVE = 0,
    WSKTEST_CONTEXT_APC = 1,          /* raised to APC_LEVEL around the call alone */
    WSKTEST_CONTEXT_DISPATCH = 2,     /* raised to DISPATCH_LEVEL */
    WSKTEST_CONTEXT_DPC = 3,          /* in a DPC */
    WSKTEST_CONTEXT_SPINLOCK = 4,     /* holding a spin lock */
    WSKTEST_CONTEXT_COMPLETION = 5,   /* in the completion routine of step `within` */
    WSKTEST_CONTEXT_CALLBACK = 6      /* in event callback `callback` of socket slot `within` */
};

#define WSKTEST_ANY_CPU 0xffff

/* WSK socket category; the values are those of WskSocket's Flags. */
enum wsktest_category {
    WSKTEST_CATEGORY_BASIC = 0,
    WSKTEST_CATEGORY_LISTEN = 1,
    WSKTEST_CATEGORY_CONNECTION = 2,
    WSKTEST_CATEGORY_DATAGRAM = 4,
    WSKTEST_CATEGORY_STREAM = 8
};

enum wsktest_family {
    WSKTEST_FAMILY_NONE = 0,
    WSKTEST_FAMILY_IPV4 = 4,
    WSKTEST_FAMILY_IPV6 = 6
};

/* Where a step's IRP comes from. */
enum wsktest_irp {
    WSKTEST_IRP_ALLOCATED = 0,        /* IoAllocateIrp */
    WSKTEST_IRP_INITIALIZED = 1,      /* IoInitializeIrp in memory of the driver's */
    WSKTEST_IRP_REUSED = 2,           /* that of step `irp_of`, which is over: IoReuseIrp */
    WSKTEST_IRP_NONE = 3,             /* NULL; dangerous for calls that are not documented to take it */
    WSKTEST_IRP_PASSED_DOWN = 4       /* as if the I/O manager had sent it to the driver, which passes it on */
};

enum wsktest_callback {
    WSKTEST_CALLBACK_RECEIVE = 0,
    WSKTEST_CALLBACK_DISCONNECT = 1,
    WSKTEST_CALLBACK_SEND_BACKLOG = 2,
    WSKTEST_CALLBACK_ACCEPT = 3,
    WSKTEST_CALLBACK_INSPECT = 4,
    WSKTEST_CALLBACK_ABORT = 5,
    WSKTEST_CALLBACK_RECEIVE_FROM = 6,
    WSKTEST_CALLBACK_COUNT = 7
};

/* What an event callback does with what it is offered. */
enum wsktest_action {
    WSKTEST_ACTION_TAKE = 0,          /* all data; a connection while slots are left */
    WSKTEST_ACTION_PARTIAL = 1,       /* RECEIVE: `count` bytes */
    WSKTEST_ACTION_RETAIN = 2,        /* STATUS_PENDING, until RELEASE; INSPECT: WskInspectPend. A step inside the
                                         callback may give back already what this call of it retains */
    WSKTEST_ACTION_REFUSE = 3
};

#define WSKTEST_OPTION_RACING 0x1 /* CLOSE: although calls on the socket are in progress; dangerous */
#define WSKTEST_OPTION_POISON 0x2 /* the WSK_BUF structure is poisoned once the call has returned STATUS_PENDING */

struct wsktest_address {
    uint16_t family;           /* enum wsktest_family; in results NONE: not written */
    uint16_t port;             /* host byte order */
    uint32_t scope;            /* IPv6 scope id */
    uint8_t bytes[16];         /* network byte order; IPv4 in the first four */
};

/* How a WSK_BUF is built: a chain of `mdl_count` MDLs of `mdl_bytes` each, or of the
 * sizes in the data area (`mdl_count` uint32_t at `sizes_offset`; any may be zero), of
 * which `length` bytes from `offset` are the buffer. The buffer's bytes are the
 * `data_length` bytes at `data_offset` of the data area, repeated to fill it;
 * every other byte of the chain is WSKTEST_POISON_BYTE. One to receive into
 * starts poisoned throughout, and `data_offset` is its place in the receive area. */
struct wsktest_buffer {
    uint32_t mdl_count;        /* 0: pass NULL instead of a WSK_BUF */
    uint32_t mdl_bytes;        /* 0: each MDL has a size of its own */
    uint32_t sizes_offset;
    uint32_t offset;           /* WSK_BUF.Offset: inside the first MDL, or 0 */
    uint32_t length;           /* WSK_BUF.Length; more than the chain holds is dangerous */
    uint32_t data_offset;
    uint32_t data_length;
};

enum wsktest_input {
    WSKTEST_INPUT_NONE = 0,
    WSKTEST_INPUT_BYTES = 1,          /* `data_length` bytes at `data_offset` of the data area */
    WSKTEST_INPUT_EVENTS = 2,         /* a WSK_EVENT_CALLBACK_CONTROL with mask `value` */
    WSKTEST_INPUT_POINTER = 3,        /* a pointer to those bytes: WSK_CACHE_SD */
    WSKTEST_INPUT_DESCRIPTOR = 4      /* cached security descriptor `value` */
};

/* WskControlSocket and WskControlClient; WskSocket and WskSocketConnect take
 * a DESCRIPTOR. The output goes to the step's result, or is a security
 * descriptor when `keep` says so. */
struct wsktest_control {
    uint32_t request;          /* WSK_CONTROL_SOCKET_TYPE: 0 set option, 1 get option, 2 ioctl */
    uint32_t code;
    uint32_t level;
    uint32_t input;            /* enum wsktest_input */
    uint32_t value;
    uint32_t data_offset;
    uint32_t data_length;
    uint32_t keep;             /* 0, or 1 + number of the security descriptor that the output is kept as */
};

struct wsktest_step {
    uint16_t kind;             /* enum wsktest_step_kind */
    uint16_t context;          /* enum wsktest_context */
    uint16_t strand;           /* thread that performs it */
    uint16_t cpu;              /* it is called on, or WSKTEST_ANY_CPU */
    uint32_t socket;           /* socket slot that the step creates or uses */
    uint32_t target;
    uint32_t flags;            /* as passed to the WSK call */
    uint32_t limit_ms;         /* WAIT, WAIT_EVENT, BARRIER */
    uint32_t delay_us;         /* DELAY; ON_EVENT: how long the callback is held */
    uint16_t category;         /* SOCKET: enum wsktest_category */
    uint16_t family;           /* SOCKET, SOCKET_CONNECT: enum wsktest_family */
    uint16_t irp;              /* enum wsktest_irp */
    uint16_t callback;         /* enum wsktest_callback */
    uint16_t action;           /* ON_EVENT: enum wsktest_action */
    uint16_t options;          /* WSKTEST_OPTION_* */
    uint32_t within;           /* contexts COMPLETION and CALLBACK */
    uint32_t irp_of;           /* IRP_REUSED */
    uint32_t count;            /* REPEAT, WAIT_EVENT; ON_EVENT: bytes or, from `target` on, slots to take */
    uint32_t result_offset;    /* in the receive area: addresses, control output, data of callbacks */
    uint32_t result_length;
    struct wsktest_address local;
    struct wsktest_address remote;
    struct wsktest_buffer buffer;
    struct wsktest_control control;
};

/* ---- Trace: header, events, receive area -------------------------------- */

#define WSKTEST_TRACE_MAGIC 0x544b5357 /* "WSKT" */

/* What fields hold that nobody wrote. */
#define WSKTEST_POISON_BYTE 0xa5
#define WSKTEST_POISON_STATUS 0xdeadbeef
#define WSKTEST_POISON_INFORMATION 0xdeadbeefdeadbeef

enum wsktest_outcome {
    WSKTEST_OUTCOME_COMPLETED = 0,    /* every step was performed */
    WSKTEST_OUTCOME_LIMIT = 1,        /* a WAIT reached its limit; recovery completed all IRPs */
    WSKTEST_OUTCOME_HUNG = 2,         /* IRPs were still pending after recovery; leaked if `pending` says so */
    WSKTEST_OUTCOME_REJECTED = 3,     /* the scenario is not valid: see `reject` */
    WSKTEST_OUTCOME_STOPPED = 4       /* a step could not be performed: see `stop_step` */
};

enum wsktest_reject {
    WSKTEST_REJECT_NONE = 0,
    WSKTEST_REJECT_TRUNCATED = 1,     /* shorter than it says */
    WSKTEST_REJECT_MAGIC = 2,
    WSKTEST_REJECT_VERSION = 3,
    WSKTEST_REJECT_LAYOUT = 4,        /* sizes or offsets do not fit together */
    WSKTEST_REJECT_LIMITS = 5,        /* more than a WSKTEST_MAX_* allows */
    WSKTEST_REJECT_KIND = 6,
    WSKTEST_REJECT_CONTEXT = 7,
    WSKTEST_REJECT_SOCKET = 8,        /* slot out of range, reused, not created before, wrong category */
    WSKTEST_REJECT_TARGET = 9,        /* not an earlier step that can be meant */
    WSKTEST_REJECT_BUFFER = 10,
    WSKTEST_REJECT_ADDRESS = 11,
    WSKTEST_REJECT_DANGEROUS = 12,    /* needs WSKTEST_SCENARIO_DANGEROUS */
    WSKTEST_REJECT_OUTPUT = 13,       /* the output buffer cannot hold the trace */
    WSKTEST_REJECT_MEMORY = 14,       /* no memory for the run */
    WSKTEST_REJECT_ORDER = 15,        /* steps that do not go together: strands, loops, IRPs, barriers */
    WSKTEST_REJECT_CONTROL = 16
};

struct wsktest_trace {
    uint32_t magic;
    uint16_t version;
    uint16_t header_size;      /* sizeof(struct wsktest_trace) */
    uint32_t total_size;       /* of header, events and receive area */
    uint32_t outcome;          /* enum wsktest_outcome */
    uint64_t id;               /* of the scenario */
    uint32_t event_count;
    uint32_t event_size;       /* sizeof(struct wsktest_event) */
    uint32_t events_offset;
    uint32_t receive_offset;
    uint32_t receive_size;
    uint32_t lost_events;      /* events that found no room */
    uint32_t reject;           /* enum wsktest_reject */
    uint32_t stop_step;        /* step that was rejected, stopped the run or reached its limit */
    uint32_t status;           /* NTSTATUS that stopped the run, if one did */
    uint32_t pending;          /* IRPs, sockets and callbacks not over when the run's threads had ended */
    uint64_t qpc_frequency;    /* ticks per second */
    uint64_t qpc_begin;        /* before the first step */
    uint64_t qpc_end;          /* after the last */
};

#define WSKTEST_NO_STEP 0xffffffff

enum wsktest_event_kind {
    WSKTEST_EVENT_CALL = 1,           /* the WSK function is about to be called */
    WSKTEST_EVENT_RETURN = 2,         /* it returned `status`; `information`: OutputSizeReturned */
    WSKTEST_EVENT_COMPLETION = 3,     /* the IRP's completion routine was entered */
    WSKTEST_EVENT_WAIT_END = 4,       /* a WAIT, WAIT_EVENT or BARRIER ended as it should */
    WSKTEST_EVENT_DELAY_END = 5,
    WSKTEST_EVENT_LIMIT = 6,          /* a WAIT, WAIT_EVENT or BARRIER reached its limit */
    WSKTEST_EVENT_CANCEL = 7,         /* IoCancelIrp is about to be called; `status` is what it returned */
    WSKTEST_EVENT_HUNG = 8,           /* the step's IRP is still pending at the end */
    WSKTEST_EVENT_STOPPED = 9,        /* the step could not be performed: `status` */
    WSKTEST_EVENT_SKIPPED = 10,       /* the call was not made, as the contract forbids it or there is nothing
                                         that it could be about: `status` */
    WSKTEST_EVENT_CALLBACK_ENTER = 11, /* `information`: bytes indicated; `callback_flags`: its Flags */
    WSKTEST_EVENT_CALLBACK_LEAVE = 12, /* returns `status`; `information`: bytes or slot accepted */
    WSKTEST_EVENT_REPEAT_END = 13,
    WSKTEST_EVENT_PASSED_UP = 14,     /* an IRP_PASSED_DOWN came back above the driver's own stack location */
    WSKTEST_EVENT_TOUCHED = 15        /* the IRP was written into after its completion: `io_status`, `information` */
};

#define WSKTEST_EVENT_PENDING_RETURNED 0x1 /* Irp->PendingReturned in the completion routine, or above it */
#define WSKTEST_EVENT_RECOVERY 0x2         /* the driver's own clean-up made this call */
#define WSKTEST_EVENT_NOTHING 0x4          /* CALLBACK_ENTER: a NULL indication or socket */
#define WSKTEST_EVENT_AFTER_CLOSE 0x8      /* CALLBACK_*: the socket's close has completed */

struct wsktest_event {
    uint64_t sequence;         /* order within the run */
    uint64_t qpc;
    uint64_t tsc;
    uint64_t thread;
    uint64_t information;      /* COMPLETION: IoStatus.Information */
    uint32_t step;             /* WSKTEST_NO_STEP: none; recovery's own calls have numbers from step_count */
    uint16_t kind;             /* enum wsktest_event_kind */
    uint8_t irql;
    uint8_t flags;             /* WSKTEST_EVENT_* flags */
    uint32_t cpu;
    uint32_t status;           /* RETURN: what the call returned */
    uint32_t io_status;        /* COMPLETION: IoStatus.Status */
    uint32_t completions;      /* COMPLETION: how many times this IRP has completed so far */
    uint32_t iteration;        /* of the REPEAT around the step */
    uint32_t socket;           /* CALLBACK_*: socket slot */
    uint32_t callback_flags;   /* CALLBACK_*: Flags as WSK gave them */
    uint32_t callback;         /* CALLBACK_*: enum wsktest_callback */
};

/* ---- Device control: METHOD_BUFFERED, read and write access ------------- */

#define WSKTEST_IOCTL_RUN 0x0012e000    /* in: scenario, out: trace */
#define WSKTEST_IOCTL_CLOCK 0x0012e004  /* out: struct wsktest_clock */
#define WSKTEST_IOCTL_INFO 0x0012e008   /* out: struct wsktest_info */

struct wsktest_clock {
    uint64_t qpc;
    uint64_t qpc_frequency;
};

struct wsktest_info {
    uint32_t abi_version;
    uint32_t wsk_version;      /* of the provider, as WskCaptureProviderNPI gave it */
    uint32_t os_major;
    uint32_t os_minor;
    uint32_t os_build;
    uint32_t processors;
    uint32_t leaked_runs;      /* runs that ended HUNG since the driver was started */
    uint32_t reserved;
};

/* ---- wskctl serve: frames over a byte stream, both ways ------------------ */

#define WSKTEST_FRAME_MAGIC 0x464b5357 /* "WSKF" */
#define WSKTEST_FRAME_VERSION 2        /* of the frames; what is in them has WSKTEST_ABI_VERSION */
#define WSKTEST_MAX_FRAME 0x2000000

enum wsktest_frame_kind {
    WSKTEST_FRAME_HELLO = 1,   /* sent once by wskctl: payload is empty */
    WSKTEST_FRAME_RUN = 2,     /* payload: scenario; answer: trace */
    WSKTEST_FRAME_CLOCK = 3,   /* answer: struct wsktest_clock */
    WSKTEST_FRAME_INFO = 4,    /* answer: text, one key=value a line */
    WSKTEST_FRAME_ADDRESS = 5, /* payload: struct wsktest_address_change; the answer is empty */
    WSKTEST_FRAME_BROKEN = 6   /* sent by wskctl before it ends: text that says what was wrong with what came */
};

/* An address to give to the guest, or to take from it. */
struct wsktest_address_change {
    struct wsktest_address beside;  /* names the interface: an address that it has */
    struct wsktest_address address; /* neither port nor scope */
    uint32_t present;               /* 1: the guest gets it; 0: it loses it */
    uint32_t reserved;              /* zero */
};

/* Requests are answered with the same kind and request number, in any order. */
struct wsktest_frame {
    uint32_t magic;
    uint16_t version;          /* WSKTEST_FRAME_VERSION */
    uint16_t kind;             /* enum wsktest_frame_kind */
    uint32_t request;
    uint32_t status;           /* answers: NTSTATUS of the device control */
    uint32_t length;           /* of the payload that follows */
    uint32_t checksum;         /* CRC-32 of the header, with zero here, and the payload */
};

/* clang-format on */

#endif
