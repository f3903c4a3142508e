// SPDX-License-Identifier: GPL-2.0-only
/*
 * Undoes frames of drivers by the tables of their images (.pdata, .xdata), as Microsoft's "x64 exception handling"
 * describes them. An image is not trusted: what its tables lead to must lie inside it, and what a frame is said to
 * have saved must be there. Instructions of epilogues are not looked at: none of them can raise an exception.
 */
#include <linux/string.h>
#include <linux/uaccess.h>

#include "exception.h"
#include "pe_file.h"

#define CHAINED 4		/* another function's information goes on where this one's ends */
#define DEEPEST_CHAIN 32
#define DEEPEST_STACK 4096	/* in words: of the largest stack that there is */

enum {
	PUSH_NONVOLATILE,
	ALLOCATE_LARGE,
	ALLOCATE_SMALL,
	SET_FRAME_REGISTER,
	SAVE_NONVOLATILE,
	SAVE_NONVOLATILE_FAR,
	EPILOGUE,
	SPARE,
	SAVE_XMM,
	SAVE_XMM_FAR,
	PUSH_MACHINE_FRAME,
};

struct unwind_code {
	u8 offset;	/* in the prologue, of the next instruction */
	u8 operation;	/* its argument in the upper half */
};

struct unwind_info {	/* UNWIND_INFO */
	u8 version_and_flags;
	u8 prologue;
	u8 count;
	u8 frame;	/* register; in the upper half its distance, in units of 16 bytes */
	struct unwind_code codes[];
};

static const void *at(const struct pe_image *image, u64 rva, u64 size)
{
	return within(rva, size, image->size) ? image->base + rva : NULL;
}

static const struct unwind_info *info_of(const struct pe_image *image, const struct nt_function *function)
{
	const struct unwind_info *info = at(image, function->unwind, sizeof(*info));

	return info ? at(image, function->unwind, sizeof(*info) + info->count * sizeof(*info->codes) + 16) : NULL;
}

/* Behind the codes, which are an even number: a handler's address, or the function that the chain goes on with. */
static const void *behind_codes(const struct unwind_info *info)
{
	return info->codes + ALIGN(info->count, 2);
}

/* Their table is sorted. NULL for a function that has no frame. */
const struct nt_function *unwind_function(const struct pe_image *image, u64 pc)
{
	const struct nt_function *functions = at(image, image->functions, image->function_count * sizeof(*functions));
	u32 rva = pc - (u64)image->base, low = 0, high = functions ? image->function_count : 0;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const struct nt_function *function = functions + middle;

		if (rva < function->begin)
			high = middle;
		else if (rva >= function->end)
			low = middle + 1;
		else
			return function->unwind & 1 ? at(image, function->unwind & ~1u, sizeof(*function)) : function;
	}
	return NULL;
}

static bool fetch(u64 address, u64 *value)
{
	return !get_kernel_nofault(*value, (u64 *)address);
}

static bool pop(struct cursor *cursor, u64 *value)
{
	if (!fetch(cursor->registers[NT_RSP], value))
		return false;
	cursor->registers[NT_RSP] += sizeof(*value);
	return true;
}

static u32 slots(const struct unwind_code *code)
{
	switch (code->operation & 0xf) {
	case ALLOCATE_LARGE:
		return code->operation >> 4 ? 3 : 2;
	case SAVE_NONVOLATILE:
	case EPILOGUE:
	case SAVE_XMM:
		return 2;
	case SAVE_NONVOLATILE_FAR:
	case SPARE:
	case SAVE_XMM_FAR:
		return 3;
	default:
		return 1;
	}
}

/* The number in the slots behind a code: 16 bits, in units, or 32 bits. */
static u32 operand(const struct unwind_code *code, u32 count, u32 unit)
{
	u32 value = 0;

	memcpy(&value, code + 1, count == 3 ? sizeof(u32) : sizeof(u16));
	return count == 3 ? value : value * unit;
}

/* What the processor pushed for an interrupt, behind an error code or not. */
static bool pop_machine_frame(struct cursor *cursor, bool error_code)
{
	u64 place = cursor->registers[NT_RSP] + (error_code ? 8 : 0);

	return fetch(place, &cursor->rip) && fetch(place + 24, &cursor->registers[NT_RSP]);
}

static bool undo(struct cursor *cursor, const struct unwind_code *code, u32 count, u64 frame)
{
	u8 argument = code->operation >> 4;
	u64 *rsp = &cursor->registers[NT_RSP];

	switch (code->operation & 0xf) {
	case PUSH_NONVOLATILE:
		return pop(cursor, &cursor->registers[argument]);
	case ALLOCATE_LARGE:
		*rsp += operand(code, count, 8);
		return true;
	case ALLOCATE_SMALL:
		*rsp += argument * 8 + 8;
		return true;
	case SET_FRAME_REGISTER:
		*rsp = frame;
		return true;
	case SAVE_NONVOLATILE:
	case SAVE_NONVOLATILE_FAR:
		return fetch(frame + operand(code, count, 8), &cursor->registers[argument]);
	case SAVE_XMM:
	case SAVE_XMM_FAR:
		return !copy_from_kernel_nofault(cursor->xmm[argument], (void *)(frame + operand(code, count, 16)), 16);
	case EPILOGUE:
	case SPARE:
		return true;
	default:
		return false;
	}
}

/* `done` is how far the prologue has come: what it has not done yet is not undone. */
static bool undo_codes(struct cursor *cursor, const struct unwind_info *info, u64 done, u64 frame, bool *interrupted)
{
	u32 i, count;

	for (i = 0; i < info->count; i += count) {
		const struct unwind_code *code = info->codes + i;

		count = slots(code);
		if (count > info->count - i)
			return false;
		if (code->offset > done)
			continue;
		if ((code->operation & 0xf) == PUSH_MACHINE_FRAME) {
			*interrupted = true;
			return pop_machine_frame(cursor, code->operation >> 4);
		}
		if (!undo(cursor, code, count, frame))
			return false;
	}
	return true;
}

/* Has the prologue come as far as setting the frame register? */
static bool frame_is_set(const struct unwind_info *info, u64 done)
{
	u32 i;

	if (done >= info->prologue)
		return true;
	for (i = 0; i < info->count; i += slots(info->codes + i))
		if ((info->codes[i].operation & 0xf) == SET_FRAME_REGISTER)
			return info->codes[i].offset <= done;
	return false;
}

static u64 frame_of(const struct cursor *cursor, const struct unwind_info *info, u64 done)
{
	if (info->frame & 0xf && frame_is_set(info, done))
		return cursor->registers[info->frame & 0xf] - (info->frame >> 4) * 16;
	return cursor->registers[NT_RSP];
}

/* Whoever is in a prologue is guarded by nobody yet. */
static void find_handler(const struct pe_image *image, const struct unwind_info *info, u64 done, u8 kind,
			 struct frame_view *view)
{
	const u32 *handler = behind_codes(info);

	if (done < info->prologue || !(info->version_and_flags >> 3 & kind) || !at(image, *handler, 1))
		return;
	view->handler = image->base + *handler;
	view->data = handler + 1;
}

static bool undo_function(struct cursor *cursor, u8 kind, struct frame_view *view)
{
	const struct nt_function *function = view->function;
	const struct unwind_info *info = info_of(view->image, function);
	u64 done = cursor->rip - (u64)view->image->base - function->begin;
	bool interrupted = false;
	int depth;

	if (!info)
		return false;
	view->frame = frame_of(cursor, info, done);
	find_handler(view->image, info, done, kind, view);
	for (depth = 0; depth < DEEPEST_CHAIN; depth++) {
		if (!undo_codes(cursor, info, done, view->frame, &interrupted))
			return false;
		if (interrupted)
			return true;
		if (!(info->version_and_flags >> 3 & CHAINED))
			return pop(cursor, &cursor->rip);
		info = info_of(view->image, behind_codes(info));
		if (!info)
			return false;
		done = ~0ull;
	}
	return false;
}

/* ---- Where a driver has called a function of this guest's, or is called by one ---- */

static bool cross_guard(struct cursor *cursor, const u64 *place)
{
	struct guard_frame frame;

	if (copy_from_kernel_nofault(&frame, place, sizeof(frame)) || !pe_image_at(frame.returns_to))
		return false;
	cursor->registers[3] = frame.rbx;
	cursor->registers[5] = frame.rbp;
	cursor->registers[6] = frame.rsi;
	cursor->registers[7] = frame.rdi;
	cursor->registers[12] = frame.r12;
	cursor->registers[13] = frame.r13;
	cursor->registers[14] = frame.r14;
	cursor->registers[15] = frame.r15;
	cursor->registers[NT_RSP] = (u64)place + sizeof(frame);
	cursor->rip = frame.returns_to;
	return true;
}

static bool cross_handler(struct cursor *cursor, const u64 *place, u32 *scope)
{
	struct handler_frame frame;

	if (copy_from_kernel_nofault(&frame, place, sizeof(frame)))
		return false;
	*cursor = *frame.dispatcher->resume;
	*scope = frame.dispatcher->scope;
	return true;
}

/* From a place in this guest's own code up the stack to the driver that called it: true for a call of a function that
 * keeps its caller's registers, or of a handler. For any other they are lost, and with them who guards it. */
static bool cross(struct cursor *cursor, u32 *scope)
{
	const u64 *place = (const u64 *)cursor->registers[NT_RSP];
	u64 word;
	int i;

	if (cursor->rip == (u64)guard_return)
		return cross_guard(cursor, place);
	if (cursor->rip == (u64)exception_call_return)
		return cross_handler(cursor, place, scope);
	for (i = 0; i < DEEPEST_STACK && fetch((u64)(place + i), &word); i++) {
		if (word == (u64)guard_return)
			return cross_guard(cursor, place + i + 1);
		if (word == (u64)exception_call_return)
			return cross_handler(cursor, place + i + 1, scope);
		if (driver_stack_is_return(word))
			return false;
	}
	return false;
}

bool unwind_guarded(struct cursor *cursor)
{
	u32 scope;

	return cross(cursor, &scope);
}

/*
 * Tells of the frame that the cursor is in, and undoes it; `before`, unless NULL, is the cursor in it. False at the end
 * of what can be undone. A call that led nowhere has no image and no frame but what the call itself pushed.
 */
bool unwind_step(struct cursor *cursor, u8 kind, struct frame_view *view, struct cursor *before)
{
	bool nowhere = cursor->rip < TASK_SIZE_MAX;
	u32 scope = 0;

	if (!nowhere && !pe_image_at(cursor->rip) && !cross(cursor, &scope))
		return false;
	if (before)
		*before = *cursor;
	*view = (struct frame_view){ .pc = cursor->rip, .image = pe_image_at(cursor->rip), .scope = scope };
	if (!view->image && !nowhere)
		return false;
	view->function = view->image ? unwind_function(view->image, cursor->rip) : NULL;
	if (view->function)
		return undo_function(cursor, kind, view);
	view->frame = cursor->registers[NT_RSP];
	return pop(cursor, &cursor->rip);
}

void unwind_from(struct cursor *cursor, const struct nt_context *context)
{
	memcpy(cursor->registers, context->registers, sizeof(cursor->registers));
	memcpy(cursor->xmm, context->fx + FX_XMM, sizeof(cursor->xmm));
	cursor->rip = context->rip;
}

void unwind_to(struct nt_context *context, const struct cursor *cursor)
{
	memcpy(context->registers, cursor->registers, sizeof(cursor->registers));
	memcpy(context->fx + FX_XMM, cursor->xmm, sizeof(cursor->xmm));
	context->rip = cursor->rip;
}
