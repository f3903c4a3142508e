/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Structured exceptions, as x64 images have them: tables say how each function's frame is undone and who guards it.
 */
#ifndef EXCEPTION_H
#define EXCEPTION_H

#include "ntlab_internal.h"

#define STATUS_DATATYPE_MISALIGNMENT 0x80000002u
#define STATUS_BREAKPOINT 0x80000003u
#define STATUS_ACCESS_VIOLATION 0xc0000005u
#define STATUS_ILLEGAL_INSTRUCTION 0xc000001du
#define STATUS_NONCONTINUABLE_EXCEPTION 0xc0000025u
#define STATUS_UNWIND 0xc0000027u
#define STATUS_BAD_STACK 0xc0000028u
#define STATUS_FLOAT_INVALID_OPERATION 0xc0000090u
#define STATUS_INTEGER_DIVIDE_BY_ZERO 0xc0000094u
#define STATUS_ASSERTION_FAILURE 0xc0000420u

/* A register's number in CONTEXT, in instructions and in unwind codes. */
#define NT_RSP 4

struct nt_context {	/* CONTEXT */
	u64 home[6];
	u32 flags;
	u32 mxcsr;
	u16 segments[6];
	u32 eflags;
	u64 debug[6];
	u64 registers[16];
	u64 rip;
	u8 fx[512] __aligned(16);	/* as FXSAVE has it; from 0xa0 on the XMM registers */
	u8 vector[26 * 16];
	u64 control[6];
};

#define CONTEXT_AMD64 0x100000u
#define CONTEXT_FULL (CONTEXT_AMD64 | 0xbu)	/* control, integer and floating point registers */
#define FX_XMM 0xa0

struct nt_exception {	/* EXCEPTION_RECORD */
	u32 code;
	u32 flags;
	struct nt_exception *next;
	u64 address;
	u32 count;
	u32 pad;
	u64 information[15];
};

#define EXCEPTION_NONCONTINUABLE 0x01u
#define EXCEPTION_UNWINDING 0x02u
#define EXCEPTION_EXIT_UNWIND 0x04u
#define EXCEPTION_TARGET_UNWIND 0x20u
#define EXCEPTION_COLLIDED_UNWIND 0x40u
#define EXCEPTION_UNWIND 0x66u

/* Lies on the stack of whoever it happened to, below what is in use there. */
struct exception_frame {
	struct nt_context context;
	struct nt_exception record;
};

#define EXCEPTION_FRAME_SIZE 0x570
static_assert(sizeof(struct exception_frame) == EXCEPTION_FRAME_SIZE);

struct nt_function {	/* RUNTIME_FUNCTION */
	u32 begin;
	u32 end;
	u32 unwind;
};

struct nt_dispatcher {	/* DISPATCHER_CONTEXT */
	u64 pc;
	u64 base;
	const struct nt_function *function;
	u64 frame;
	u64 target;
	struct nt_context *context;
	void *handler;
	const void *data;
	const struct cursor *resume;	/* HistoryTable, which drivers only pass on: the frames behind a handler begin here */
	u32 scope;	/* of its guards, the first that is still to be asked */
	u32 pad;
};

/* What undoing a frame changes. */
struct cursor {
	u64 registers[16];
	u64 rip;
	u8 xmm[16][16];
};

/* What a frame is, and who guards it. */
struct frame_view {
	u64 pc;
	const struct pe_image *image;	/* NULL for a call that led nowhere */
	const struct nt_function *function;	/* NULL for one that has no frame */
	u64 frame;	/* the establisher's */
	void *handler;
	const void *data;
	u32 scope;	/* as in nt_dispatcher */
};

static_assert(offsetof(struct nt_context, registers) == 0x78);
static_assert(offsetof(struct nt_context, rip) == 0xf8);
static_assert(offsetof(struct nt_context, fx) == 0x100);
static_assert(sizeof(struct nt_context) == 0x4d0);
static_assert(sizeof(struct nt_exception) == 0x98);
static_assert(offsetof(struct nt_dispatcher, scope) == 0x48);

#define UNWIND_EXCEPTION_HANDLER 1
#define UNWIND_TERMINATION_HANDLER 2

/* unwind.c */
bool unwind_step(struct cursor *cursor, u8 kind, struct frame_view *view, struct cursor *before);
bool unwind_guarded(struct cursor *cursor);
void unwind_from(struct cursor *cursor, const struct nt_context *context);
void unwind_to(struct nt_context *context, const struct cursor *cursor);
const struct nt_function *unwind_function(const struct pe_image *image, u64 pc);

/* exception_entry.c: between C and the registers of whoever an exception has met. */
struct guard_frame {	/* from the stack pointer of a guarded function up: what its caller gets back */
	u64 shadow[5];
	u64 r15, r14, r13, r12, rdi, rsi, rbp, rbx;
	u64 returns_to;
};

struct handler_frame {	/* likewise, of a handler that runs */
	u64 shadow[4];
	struct nt_dispatcher *dispatcher;
};

/* What the processor's exception has told, until its frame is made. */
struct pending_exception {
	u64 rax;	/* of the interrupted code, from here on */
	u64 rdi;
	u64 rip;
	u64 rflags;
	u32 code;
	u32 count;
	u64 information[2];
	u32 taken;
};

extern const char guard_return[], exception_call_return[];

u64 exception_call(void *handler, const void *one, u64 two, struct nt_context *context, struct nt_dispatcher *dispatcher);
void exception_restore(const struct nt_context *context);
void exception_entry(void);

/* exception.c */
struct pt_regs;

bool exception_redirect(struct pt_regs *regs, u32 code, u32 count, u64 one, u64 two);

/* trap.c: of a driver that was interrupted. Comes back where somebody is asked who handles it. */
void trap_raise(struct pt_regs *regs, u32 status, u32 count, u64 one, u64 two);

/* gate.c */
void gates_init(void);
void gates_exit(void);

#endif
