// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stacks by image and offset. Linux' own unwinder knows nothing of a driver's frames, so a stack's words are looked
 * through instead: one that points behind a call instruction, in a driver or here, is told. It may be left over from a
 * call that has returned.
 */
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "ntlab_internal.h"

#define DEEPEST 4096	/* words: of the largest stack that there is */
#define MOST_TOLD 40

/* An address in a driver's image, from its begin; 0 for any other. */
u64 driver_stack_offset(const void *address)
{
	const struct pe_image *image = pe_image_at((u64)address);

	return image ? (u64)address - (u64)image->base : 0;
}

/* Does a call instruction end here? E8, or FF /2 in one of its lengths, with a prefix or without. */
static bool follows_call(u64 address)
{
	u8 code[7];
	int size;

	if (get_kernel_nofault(code, (const u8(*)[7])(address - sizeof(code))))
		return false;
	if (code[2] == 0xe8)
		return true;
	for (size = 2; size <= 7; size++)
		if (code[7 - size] == 0xff && (code[8 - size] >> 3 & 7) == 2)
			return true;
	return false;
}

/* Does a word of a stack lead back into a driver? */
bool driver_stack_is_return(u64 word)
{
	return pe_image_at(word) && follows_call(word);
}

static bool tell_word(u64 word)
{
	const struct pe_image *image = pe_image_at(word);

	if (!image && !within_module_core(word, THIS_MODULE))
		return false;
	if (!follows_call(word))
		return false;
	if (!image)
		pr_err("ntlab: stack: %pB\n", (void *)word);
	else
		pr_err("ntlab: stack: %s+0x%llx\n", image->name, word - (u64)image->base);
	return true;
}

/* From `place` up, to the end of the stack or of what there is behind it. */
static void tell_words(const u64 *place)
{
	int told = 0, i;
	u64 word;

	for (i = 0; i < DEEPEST && told < MOST_TOLD; i++) {
		if (get_kernel_nofault(word, place + i))
			return;
		told += tell_word(word);
	}
}

static void tell_image(const struct pe_image *image)
{
	pr_err("ntlab: image %s at 0x%llx, %u bytes\n", image->name, (u64)image->base, image->size);
}

/* The running thread's, or the interrupt's that runs. */
void driver_tell_stack(void)
{
	pe_for_each_image(tell_image);
	tell_words(__builtin_frame_address(0));
}

/* Is a driver on it? */
static bool has_driver(const u64 *place)
{
	u64 word;
	int i;

	for (i = 0; i < DEEPEST && !get_kernel_nofault(word, place + i); i++)
		if (driver_stack_is_return(word))
			return true;
	return false;
}

static void tell_thread(struct task_struct *task)
{
	const u64 *place = (const u64 *)task->thread.sp;

	if (task == current || !has_driver(place))
		return;
	pr_err("ntlab: thread %d (%s)\n", task_pid_nr(task), task->comm);
	tell_words(place);
}

/* Every thread that waits somewhere with a driver on its stack. */
static int set_stacks(const char *value, const struct kernel_param *param)
{
	struct task_struct *process, *task;

	pe_for_each_image(tell_image);
	rcu_read_lock();
	for_each_process_thread(process, task)
		tell_thread(task);
	rcu_read_unlock();
	return 0;
}

static const struct kernel_param_ops stacks_ops = { .set = set_stacks };

module_param_cb(stacks, &stacks_ops, NULL, 0200);
MODULE_PARM_DESC(stacks, "write anything: the log gets the stacks of threads that are in a driver");
