// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stacks by image and offset. Linux' own unwinder knows nothing of a driver's frames, so a stack's words are looked
 * through instead: one that points behind a call instruction, in a driver or here, is told. It may be left over from a
 * call that has returned.
 */
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "driver_stack.h"
#include "ntlab_internal.h"

#define IMAGES 8
#define DEEPEST 3072	/* words: of the largest stack that there is */
#define MOST_TOLD 40

static struct {
	char name[NTLAB_NAME_LENGTH];
	u64 base;
	u32 size;	/* 0: the entry is free */
} images[IMAGES];
static DEFINE_SPINLOCK(images_lock);

void driver_stack_add_image(const char *name, const void *base, u32 size)
{
	int i;

	spin_lock(&images_lock);
	for (i = 0; i < IMAGES && images[i].size; i++)
		;
	if (i < IMAGES) {
		strscpy(images[i].name, name, sizeof(images[i].name));
		images[i].base = (u64)base;
		images[i].size = size;
	}
	spin_unlock(&images_lock);
}

void driver_stack_drop_image(const void *base)
{
	int i;

	spin_lock(&images_lock);
	for (i = 0; i < IMAGES; i++)
		if (images[i].base == (u64)base)
			images[i].size = 0;
	spin_unlock(&images_lock);
}

/* -1 for none. No lock is taken: the guest may be about to stop. */
static int image_of(u64 address)
{
	int i;

	for (i = 0; i < IMAGES; i++)
		if (address - images[i].base < READ_ONCE(images[i].size))
			return i;
	return -1;
}

/* An address in a driver's image, from its begin; 0 for any other. The image that was loaded last is the one that is
 * meant by an offset alone. */
u64 driver_stack_offset(const void *address)
{
	int image = image_of((u64)address);

	return image < 0 ? 0 : (u64)address - images[image].base;
}

const void *driver_stack_address(u64 offset)
{
	int i;

	for (i = IMAGES - 1; offset && i >= 0; i--)
		if (offset < images[i].size)
			return (const void *)(images[i].base + offset);
	return NULL;
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

static bool tell_word(u64 word)
{
	int image = image_of(word);

	if (image < 0 && !within_module_core(word, THIS_MODULE))
		return false;
	if (!follows_call(word))
		return false;
	if (image < 0)
		pr_err("ntlab: stack: %pB\n", (void *)word);
	else
		pr_err("ntlab: stack: %s+0x%llx\n", images[image].name, word - images[image].base);
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

static void tell_images(void)
{
	int i;

	for (i = 0; i < IMAGES; i++)
		if (images[i].size)
			pr_err("ntlab: image %s at 0x%llx, %u bytes\n", images[i].name, images[i].base, images[i].size);
}

/* The running thread's, or the interrupt's that runs. */
void driver_tell_stack(void)
{
	tell_images();
	tell_words(__builtin_frame_address(0));
}

/* Is a driver on it? */
static bool has_driver(const u64 *place, const u64 *end)
{
	u64 word;

	for (; place < end && !get_kernel_nofault(word, place); place++)
		if (image_of(word) >= 0 && follows_call(word))
			return true;
	return false;
}

static void tell_thread(struct task_struct *task)
{
	const u64 *place = (const u64 *)task->thread.sp;
	const u64 *end = task_stack_page(task) + THREAD_SIZE;

	if (task == current || !has_driver(place, end))
		return;
	pr_err("ntlab: thread %d (%s)\n", task_pid_nr(task), task->comm);
	tell_words(place);
}

/* Every thread that waits somewhere with a driver on its stack. */
static int set_stacks(const char *value, const struct kernel_param *param)
{
	struct task_struct *process, *task;

	tell_images();
	rcu_read_lock();
	for_each_process_thread(process, task)
		tell_thread(task);
	rcu_read_unlock();
	return 0;
}

static const struct kernel_param_ops stacks_ops = { .set = set_stacks };

module_param_cb(stacks, &stacks_ops, NULL, 0200);
MODULE_PARM_DESC(stacks, "write anything: the log gets the stacks of threads that are in a driver");
