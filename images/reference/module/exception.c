// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions: who guards the code that raised one is asked, from the innermost frame out, and the frames of whoever is
 * not to go on are undone. All of it runs on the stack of the one it happened to.
 */
#include <linux/atomic.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/objtool.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>
#include <asm/ptrace.h>
#include <asm/segment.h>

#include "exception.h"

/* What a handler answers. */
#define CONTINUE_EXECUTION 0
#define CONTINUE_SEARCH 1

#define ARITHMETIC_FLAGS 0xcd5ul	/* of RFLAGS, those that are the code's own */
#define PENDING 32

/* Nobody handles it: by who is running. */
static void __noreturn unhandled(const struct nt_exception *record, const struct nt_context *context)
{
	const struct pe_image *image = pe_image_at(record->address);
	u32 code = record->code;

	if (image)
		pr_emerg("ntlab: at %s+0x%llx\n", image->name, record->address - (u64)image->base);
	if (KeGetCurrentIrql() >= DISPATCH_LEVEL)
		bugcheck(KMODE_EXCEPTION_NOT_HANDLED, (s32)code, record->address, record->information[0],
			 record->information[1]);
	if (driver_in_system_thread())
		bugcheck(SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, (s32)code, record->address, record, context);
	bugcheck(SYSTEM_SERVICE_EXCEPTION, code, record->address, context, 0);
}

static struct nt_dispatcher describe(const struct frame_view *view, struct nt_context *context, u64 target,
				     const struct cursor *resume)
{
	return (struct nt_dispatcher){
		.pc = view->pc,
		.base = (u64)view->image->base,
		.function = view->function,
		.frame = view->frame,
		.target = target,
		.context = context,
		.handler = view->handler,
		.data = view->data,
		.resume = resume,
		.scope = view->scope,
	};
}

/* The code goes on with its own flags, and those of this processor. */
static void __noreturn go_on(struct nt_context *context)
{
	context->eflags = (context->eflags & ARITHMETIC_FLAGS) | (native_save_fl() & ~ARITHMETIC_FLAGS);
	exception_restore(context);
	unreachable();
}

static bool may_go_on(const struct nt_exception *record)
{
	return !(record->flags & EXCEPTION_NONCONTINUABLE);
}

/* Asks every frame's handler. One that handles the exception does not come back: it undoes the frames before its own. */
static void __noreturn dispatch(struct exception_frame *frame)
{
	struct cursor cursor, start;
	struct frame_view view;

	unwind_from(&cursor, &frame->context);
	start = cursor;
	while (unwind_step(&cursor, UNWIND_EXCEPTION_HANDLER, &view, NULL)) {
		struct nt_dispatcher dispatcher;
		u32 answer;

		if (!view.handler)
			continue;
		dispatcher = describe(&view, &frame->context, 0, &start);
		answer = exception_call(view.handler, &frame->record, view.frame, &frame->context, &dispatcher);
		if (answer == CONTINUE_EXECUTION && may_go_on(&frame->record))
			go_on(&frame->context);
		if (answer == CONTINUE_EXECUTION)
			frame->record.code = STATUS_NONCONTINUABLE_EXCEPTION;
		if (answer != CONTINUE_SEARCH)
			break;
	}
	unhandled(&frame->record, &frame->context);
}

/* ---- Undoing ---- */

struct target {
	u64 frame;
	u64 ip;
	u64 value;	/* in RAX there */
};

static void call_termination(const struct frame_view *view, struct nt_exception *record, struct nt_context *context,
			     u64 ip, const struct cursor *before)
{
	struct nt_dispatcher dispatcher = describe(view, context, ip, before);

	if (exception_call(view->handler, record, view->frame, context, &dispatcher) != CONTINUE_SEARCH)
		unhandled(record, context);
	record->flags &= ~(EXCEPTION_TARGET_UNWIND | EXCEPTION_COLLIDED_UNWIND);
}

/* Undoes every frame up to the target's, whose termination handlers are called too, and goes on there. */
static void __noreturn undo_until(struct target target, struct cursor *cursor, struct nt_exception *record,
				  struct nt_context *context)
{
	struct frame_view view;
	struct cursor before;

	record->flags |= EXCEPTION_UNWINDING | (target.frame ? 0 : EXCEPTION_EXIT_UNWIND);
	do {
		if (!unwind_step(cursor, UNWIND_TERMINATION_HANDLER, &view, &before)) {
			record->code = STATUS_BAD_STACK;
			unhandled(record, context);
		}
		if (view.frame == target.frame)
			record->flags |= EXCEPTION_TARGET_UNWIND;
		if (view.handler)
			call_termination(&view, record, context, target.ip, &before);
	} while (view.frame != target.frame);
	before.rip = target.ip;
	before.registers[0] = target.value;
	unwind_to(context, &before);
	go_on(context);
}

/* ---- The language's own handler: __try, __except, __finally ---- */

struct scope {
	u32 begin;
	u32 end;
	u32 handler;	/* a filter's, or 1 for any exception; __finally's where there is no target */
	u32 target;
};

struct scopes {
	u32 count;
	struct scope all[];
};

struct nt_pointers {	/* EXCEPTION_POINTERS */
	struct nt_exception *record;
	struct nt_context *context;
};

#define ANY_EXCEPTION 1

static bool scope_has(const struct scope *scope, u64 rva)
{
	return rva >= scope->begin && rva < scope->end;
}

static s32 filter(const struct scope *scope, struct nt_exception *record, u64 frame, struct nt_dispatcher *dispatcher)
{
	struct nt_pointers pointers = { record, dispatcher->context };

	if (scope->handler == ANY_EXCEPTION)
		return 1;
	return exception_call((void *)(dispatcher->base + scope->handler), &pointers, frame, NULL, dispatcher);
}

static u32 search_scopes(struct nt_exception *record, u64 frame, struct nt_dispatcher *dispatcher)
{
	const struct scopes *scopes = dispatcher->data;
	u64 pc = dispatcher->pc - dispatcher->base;
	u32 i;

	for (i = dispatcher->scope; i < scopes->count; i++) {
		const struct scope *scope = scopes->all + i;
		s32 answer;

		if (!scope_has(scope, pc) || !scope->target)
			continue;
		answer = filter(scope, record, frame, dispatcher);
		if (answer < 0)
			return CONTINUE_EXECUTION;
		if (answer > 0) {
			struct cursor cursor = *dispatcher->resume;

			undo_until((struct target){ frame, dispatcher->base + scope->target, record->code }, &cursor,
				   record, dispatcher->context);
		}
	}
	return CONTINUE_SEARCH;
}

/* Does the code go on inside the very block that is being left? */
static bool stays_inside(const struct scopes *scopes, u32 at, u64 target)
{
	const struct scope *left = scopes->all + at;
	u32 i;

	for (i = 0; i < scopes->count; i++)
		if (scope_has(scopes->all + i, target) && scopes->all[i].handler == left->handler &&
		    scopes->all[i].target == left->target)
			return true;
	return false;
}

static u32 end_scopes(struct nt_exception *record, u64 frame, struct nt_dispatcher *dispatcher)
{
	bool here = record->flags & EXCEPTION_TARGET_UNWIND;
	u64 target = dispatcher->target - dispatcher->base, pc = dispatcher->pc - dispatcher->base;
	const struct scopes *scopes = dispatcher->data;
	u32 i;

	for (i = dispatcher->scope; i < scopes->count; i++) {
		const struct scope *scope = scopes->all + i;

		if (!scope_has(scope, pc))
			continue;
		if (here && (stays_inside(scopes, i, target) || (scope->target && scope->target == target)))
			return CONTINUE_SEARCH;
		if (scope->target)
			continue;
		dispatcher->scope = i + 1;	/* an exception in the block does not come here again */
		exception_call((void *)(dispatcher->base + scope->handler), (void *)1, frame, NULL, dispatcher);
	}
	return CONTINUE_SEARCH;
}

static u32 MS nt_specific_handler(struct nt_exception *record, u64 frame, struct nt_context *context,
				  struct nt_dispatcher *dispatcher)
{
	return record->flags & EXCEPTION_UNWIND ? end_scopes(record, frame, dispatcher) :
						  search_scopes(record, frame, dispatcher);
}

/* ---- Raising, and what else begins with the registers of its caller ---- */

/* A function of Windows' convention, which `function` goes on with: the frame has its caller's registers. */
#define CAPTURED(name, function)                                                       \
	static __attribute__((naked, used)) notrace void name(void)                            \
	{                                                                              \
		asm volatile("movq %0, %%r11; jmp capture" : : "i"(function));         \
	}                                                                              \
	STACK_FRAME_NON_STANDARD(name)

#define ARGUMENT(frame, number) ((frame)->context.registers[(const u8[]){ 1, 2, 8, 9 }[number]])

static void complete(struct nt_context *context)
{
	context->flags = CONTEXT_FULL;
	context->mxcsr = *(u32 *)(context->fx + 24);
	context->segments[0] = __KERNEL_CS;
	context->segments[5] = __KERNEL_DS;
}

static void __noreturn raise(struct exception_frame *frame, u32 code)
{
	complete(&frame->context);
	frame->record = (struct nt_exception){
		.code = code, .flags = EXCEPTION_NONCONTINUABLE, .address = frame->context.rip,
	};
	dispatch(frame);
}

static void raise_status(struct exception_frame *frame)
{
	raise(frame, ARGUMENT(frame, 0));
}

static void raise_access_violation(struct exception_frame *frame)
{
	raise(frame, STATUS_ACCESS_VIOLATION);
}

static void raise_misalignment(struct exception_frame *frame)
{
	raise(frame, STATUS_DATATYPE_MISALIGNMENT);
}

static void raise_record(struct exception_frame *frame)
{
	complete(&frame->context);
	frame->record = *(const struct nt_exception *)ARGUMENT(frame, 0);
	frame->record.address = frame->context.rip;
	dispatch(frame);
}

static void capture_context(struct exception_frame *frame)
{
	complete(&frame->context);
	memcpy((void *)ARGUMENT(frame, 0), &frame->context, sizeof(frame->context));
}

static void undo_from(struct exception_frame *frame, struct target target, struct nt_exception *record)
{
	struct cursor cursor;

	complete(&frame->context);
	unwind_from(&cursor, &frame->context);
	if (!record) {
		frame->record = (struct nt_exception){ .code = STATUS_UNWIND, .address = frame->context.rip };
		record = &frame->record;
	}
	undo_until(target, &cursor, record, &frame->context);
}

/* (frame, address, record or NULL, value, ...) */
static void unwind(struct exception_frame *frame)
{
	undo_from(frame, (struct target){ ARGUMENT(frame, 0), ARGUMENT(frame, 1), ARGUMENT(frame, 3) },
		  (void *)ARGUMENT(frame, 2));
}

/* (frame, address): a jump out of a __try block, past its __finally. */
static void unwind_local(struct exception_frame *frame)
{
	undo_from(frame, (struct target){ ARGUMENT(frame, 0), ARGUMENT(frame, 1), 0 }, NULL);
}

CAPTURED(ExRaiseStatus, raise_status);
CAPTURED(ExRaiseAccessViolation, raise_access_violation);
CAPTURED(ExRaiseDatatypeMisalignment, raise_misalignment);
CAPTURED(RtlRaiseException, raise_record);
CAPTURED(RtlCaptureContext, capture_context);
CAPTURED(RtlUnwindEx, unwind);
CAPTURED(nt_local_unwind, unwind_local);

static u32 MS probe(const void *address, size_t length, u32 alignment)
{
	u64 first = (u64)address;

	if (!length)
		return STATUS_SUCCESS;
	if (alignment && first & (alignment - 1))
		return STATUS_DATATYPE_MISALIGNMENT;
	return first + length < first || first + length > TASK_SIZE_MAX ? STATUS_ACCESS_VIOLATION : STATUS_SUCCESS;
}

/* Raises what probe() returns, for its caller. */
static __attribute__((naked, used)) notrace void ProbeForRead(void)
{
	asm volatile("sub $0x28, %%rsp\n"
		     "call %P0\n"
		     "add $0x28, %%rsp\n"
		     "test %%eax, %%eax\n"
		     "mov %%eax, %%ecx\n"
		     "jnz %P1\n"
		     ASM_RET
		     :
		     : "i"(probe), "i"(ExRaiseStatus));
}
STACK_FRAME_NON_STANDARD(ProbeForRead);

/* ---- What the processor finds ---- */

static struct pending_exception pendings[PENDING];

static struct pending_exception *new_pending(void)
{
	int i;

	for (i = 0; i < PENDING; i++)
		if (!cmpxchg(&pendings[i].taken, 0, 1))
			return &pendings[i];
	return NULL;
}

/* The frame of a call to a function that keeps its caller's registers: the exception is the caller's. */
static bool leave_guarded(struct pt_regs *regs)
{
	struct cursor cursor = { .rip = regs->ip };

	cursor.registers[NT_RSP] = regs->sp;
	if (!unwind_guarded(&cursor))
		return false;
	regs->ip = cursor.rip;
	regs->sp = cursor.registers[NT_RSP];
	regs->bx = cursor.registers[3];
	regs->bp = cursor.registers[5];
	regs->si = cursor.registers[6];
	regs->di = cursor.registers[7];
	regs->r12 = cursor.registers[12];
	regs->r13 = cursor.registers[13];
	regs->r14 = cursor.registers[14];
	regs->r15 = cursor.registers[15];
	return true;
}

/* Whoever was interrupted goes on with asking who handles it. False where that cannot be: it was no driver. */
bool exception_redirect(struct pt_regs *regs, u32 code, u32 count, u64 one, u64 two)
{
	struct pending_exception *pending = new_pending();

	if (!pending)
		return false;
	if (!pe_image_at(regs->ip) && regs->ip >= TASK_SIZE_MAX && !leave_guarded(regs)) {
		smp_store_release(&pending->taken, 0);
		return false;
	}
	pending->rdi = regs->di;
	pending->rip = regs->ip;
	pending->rflags = regs->flags;
	pending->code = code;
	pending->count = count;
	pending->information[0] = one;
	pending->information[1] = two;
	regs->di = (u64)pending;
	regs->ip = (u64)exception_entry;
	return true;
}

void exception_begin(struct exception_frame *frame, struct pending_exception *pending);
__visible void exception_begin(struct exception_frame *frame, struct pending_exception *pending)
{
	complete(&frame->context);
	frame->context.registers[0] = pending->rax;
	frame->context.registers[7] = pending->rdi;
	frame->context.rip = pending->rip;
	frame->context.eflags = pending->rflags;
	frame->record = (struct nt_exception){
		.code = pending->code,
		.address = pending->rip,
		.count = pending->count,
		.information = { pending->information[0], pending->information[1] },
	};
	smp_store_release(&pending->taken, 0);
	dispatch(frame);
}

/* ---- */

static const struct nt_function *MS RtlLookupFunctionEntry(u64 pc, u64 *base, void *history)
{
	const struct pe_image *image = pe_image_at(pc);

	if (!image)
		return NULL;
	*base = (u64)image->base;
	return unwind_function(image, pc);
}

static void *MS RtlPcToFileHeader(u64 pc, void **base)
{
	const struct pe_image *image = pe_image_at(pc);

	*base = image ? image->base : NULL;
	return *base;
}

/* Of the function that the context is in; where its registers are saved is not told. */
static void *MS RtlVirtualUnwind(u32 kind, u64 base, u64 pc, const struct nt_function *function,
				 struct nt_context *context, const void **data, u64 *frame, void *pointers)
{
	struct frame_view view = { 0 };
	struct cursor cursor;

	unwind_from(&cursor, context);
	cursor.rip = pc;
	if (!unwind_step(&cursor, kind, &view, NULL))
		cursor.rip = 0;
	unwind_to(context, &cursor);
	*data = view.data;
	*frame = view.frame;
	return view.handler;
}

const struct nt_export exception_exports[] = {
	NT_EXPORT(ExRaiseStatus),
	NT_EXPORT_AS("RtlRaiseStatus", ExRaiseStatus),
	NT_EXPORT(ExRaiseAccessViolation),
	NT_EXPORT(ExRaiseDatatypeMisalignment),
	NT_EXPORT(RtlRaiseException),
	NT_EXPORT(RtlCaptureContext),
	NT_EXPORT(RtlUnwindEx),
	NT_EXPORT_AS("RtlUnwind", RtlUnwindEx),
	NT_EXPORT_AS("_local_unwind", nt_local_unwind),
	NT_EXPORT_AS("__C_specific_handler", nt_specific_handler),
	NT_EXPORT_AS("__GSHandlerCheck_SEH", nt_specific_handler),
	NT_EXPORT(ProbeForRead),
	NT_EXPORT_AS("ProbeForWrite", ProbeForRead),
	NT_EXPORT(RtlLookupFunctionEntry),
	NT_EXPORT(RtlPcToFileHeader),
	NT_EXPORT(RtlVirtualUnwind),
	{}
};
