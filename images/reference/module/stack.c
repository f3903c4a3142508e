// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stack of drivers: Windows gives them 24 KB, Linux has 16 KB for itself and them. So a thread that enters a driver
 * goes on on a stack of this file's, behind whose end nothing is.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <asm/nospec-branch.h>

#include "ntlab_internal.h"
#include "stack.h"

#define DRIVER_STACK (24 << 10)
#define OWN_STACK (8 << 10)	/* for what drivers call */
#define STACK_SIZE (DRIVER_STACK + OWN_STACK)
#define KEPT 32			/* stacks that wait for the next call */

static void *kept[KEPT];
static u32 kept_count;
static DEFINE_SPINLOCK(kept_lock);

/* Where to come back to is written to *saved; stack_return() comes back from wherever it is called. */
void stack_call(void *top, driver_body body, void *argument, u64 *saved);
asm(".pushsection .text\n"
    ".globl stack_call, stack_return\n"
    ".type stack_call, @function\n"
    "stack_call:\n"
    "	push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, (%rcx)\n"
    "	mov %rcx, %rbx\n"
    "	mov %rdi, %rsp\n"
    "	mov %rdx, %rdi\n"
    ANNOTATE_RETPOLINE_SAFE
    "	call *%rsi\n"
    "	mov (%rbx), %rsp\n"
    "1:	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
    "	" ASM_RET
    ".size stack_call, .-stack_call\n"
    ".type stack_return, @function\n"
    "stack_return:\n"
    "	mov %rdi, %rsp\n"
    "	jmp 1b\n"
    ".size stack_return, .-stack_return\n"
    ".popsection\n");
STACK_FRAME_NON_STANDARD(stack_call);
STACK_FRAME_NON_STANDARD(stack_return);

static void *get_stack(void)
{
	void *stack = NULL;

	spin_lock_bh(&kept_lock);
	if (kept_count)
		stack = kept[--kept_count];
	spin_unlock_bh(&kept_lock);
	return stack ? stack : vmalloc(STACK_SIZE);
}

static void put_stack(void *stack)
{
	bool keep;

	spin_lock_bh(&kept_lock);
	keep = kept_count < KEPT;
	if (keep)
		kept[kept_count++] = stack;
	spin_unlock_bh(&kept_lock);
	if (!keep)
		vfree(stack);
}

/* Runs `body`, which calls a driver; below DISPATCH_LEVEL. Without memory for another stack it has this one. */
void stack_run(driver_body body, void *argument, u64 *saved)
{
	void *stack = get_stack();

	if (!stack) {
		body(argument);
		return;
	}
	stack_call(stack + STACK_SIZE, body, argument, saved);
	put_stack(stack);
}

void stack_exit(void)
{
	while (kept_count)
		vfree(kept[--kept_count]);
}
