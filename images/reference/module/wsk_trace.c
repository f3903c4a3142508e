// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring of the trace, and /dev/wsktrace, which reads it. Any level may add; a reader that is too slow, or a crash,
 * loses the oldest, and the gap in the sequence shows how many.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "ntlab_internal.h"
#include "policy_kernel.h"
#include "wsk_trace.h"

#define EVENTS 16384u
#define TOLD_AT_A_BUGCHECK 200u
#define POLL_MS 20
/* A record that is being written has the sequence of none. */
#define UNWRITTEN 0

DEFINE_STATIC_KEY_FALSE(wsk_tracing);

static struct wsk_trace_event *ring;	/* allocated when the trace is first switched on, and kept */
static atomic64_t added;

static struct wsk_trace_event *slot_of(u64 sequence)
{
	return &ring[sequence % EVENTS];
}

void wsk_trace_add(struct wsk_trace_event event)
{
	u64 sequence = atomic64_inc_return(&added);
	struct wsk_trace_event *slot = slot_of(sequence);

	event.sequence = UNWRITTEN;
	event.qpc = policy_counter(ktime_get_ns());
	event.tsc = rdtsc();
	event.thread = task_pid_nr(current);
	event.irql = KeGetCurrentIrql();
	event.cpu = raw_smp_processor_id();
	WRITE_ONCE(slot->sequence, UNWRITTEN);
	smp_wmb();
	*slot = event;
	smp_store_release(&slot->sequence, sequence);
}

/* False when it is not there yet, or not there any more. */
static bool copy_event(u64 sequence, struct wsk_trace_event *event)
{
	struct wsk_trace_event *slot = slot_of(sequence);

	if (smp_load_acquire(&slot->sequence) != sequence)
		return false;
	*event = *slot;
	smp_rmb();
	return READ_ONCE(slot->sequence) == sequence;
}

/* Where the thread's last call into WSK came from: with the trace, a function of WSK's is called by ours. */
const void *wsk_trace_caller(u32 thread, const void *caller)
{
	u64 newest = ring ? atomic64_read(&added) : 0;
	struct wsk_trace_event event;
	u64 sequence;

	for (sequence = newest; sequence && newest - sequence < EVENTS; sequence--)
		if (copy_event(sequence, &event) && event.thread == thread && event.kind == WSK_TRACE_CALL)
			return (const void *)event.caller;
	return caller;
}

/* A crash leaves nobody to read the ring. */
void driver_tell_trace(void)
{
	u64 newest = ring ? atomic64_read(&added) : 0;
	u64 sequence = newest > TOLD_AT_A_BUGCHECK ? newest - TOLD_AT_A_BUGCHECK : 0;
	struct wsk_trace_event e;

	while (++sequence <= newest)
		if (copy_event(sequence, &e))
			pr_err("ntlab: wsk %llx %llx %llx %llx %llx %llx %llx %x %x %x %x %x %x %x %x\n", e.sequence, e.qpc, e.tsc,
			       e.object, e.irp, e.information, e.caller, e.status, e.flags, e.thread, e.function, e.kind,
			       e.irql, e.cpu, e.offset);
}

/* ---- /dev/wsktrace ---- */

static int trace_open(struct inode *inode, struct file *file)
{
	if (!ring)
		return -ENODATA;
	file->private_data = (void *)0;	/* the last sequence that was read */
	return 0;
}

/* The next that is there; what was overwritten is passed over. Waits for one that is being written. */
static bool next_event(u64 *last, struct wsk_trace_event *event)
{
	u64 newest = atomic64_read(&added);

	if (newest - *last > EVENTS)
		*last = newest - EVENTS;
	while (*last < newest) {
		if (copy_event(*last + 1, event)) {
			++*last;
			return true;
		}
		newest = atomic64_read(&added);
		if (newest - *last < EVENTS)
			return false;
		++*last;
	}
	return false;
}

/* Whole records, as soon as there is one; the end once the trace is off and all was read. */
static ssize_t trace_read(struct file *file, char __user *to, size_t room, loff_t *place)
{
	u64 last = (u64)file->private_data;
	struct wsk_trace_event event;
	size_t done = 0;

	while (room - done >= sizeof(event)) {
		if (next_event(&last, &event)) {
			if (copy_to_user(to + done, &event, sizeof(event)))
				return -EFAULT;
			done += sizeof(event);
		} else if (done || !static_branch_unlikely(&wsk_tracing)) {
			break;
		} else if (msleep_interruptible(POLL_MS)) {
			return -EINTR;
		}
	}
	file->private_data = (void *)last;
	return done;
}

static const struct file_operations trace_operations = {
	.owner = THIS_MODULE,
	.open = trace_open,
	.read = trace_read,
};

static struct miscdevice trace_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "wsktrace",
	.fops = &trace_operations,
	.mode = 0400,
};

int wsk_trace_init(void)
{
	return misc_register(&trace_device);
}

void wsk_trace_exit(void)
{
	misc_deregister(&trace_device);
	vfree(ring);
}

/* ---- The switch ---- */

static int set_trace(const char *value, const struct kernel_param *param)
{
	bool on;

	if (kstrtobool(value, &on))
		return -EINVAL;
	if (on && !ring)
		ring = vzalloc(EVENTS * sizeof(*ring));
	if (on && !ring)
		return -ENOMEM;
	if (on)
		static_branch_enable(&wsk_tracing);
	else
		static_branch_disable(&wsk_tracing);
	return 0;
}

static int get_trace(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%c\n", static_key_enabled(&wsk_tracing) ? 'Y' : 'N');
}

static const struct kernel_param_ops trace_ops = { .set = set_trace, .get = get_trace };

module_param_cb(wsk_trace, &trace_ops, NULL, 0644);
MODULE_PARM_DESC(wsk_trace, "trace what drivers that are loaded from now on ask of WSK: /dev/wsktrace");
