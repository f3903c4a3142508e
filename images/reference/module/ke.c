// SPDX-License-Identifier: GPL-2.0-only
/* Events, mutexes, semaphores, waiting, processors, bugchecks. */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include "ntlab_internal.h"

static void __noreturn MS KeBugCheckEx(u32 code, u64 a, u64 b, u64 c, u64 d)
{
	bugcheck(code, a, b, c, d);
}

static void __noreturn MS KeBugCheck(u32 code)
{
	bugcheck(code, 0, 0, 0, 0);
}

void MS KeInitializeEvent(struct kevent *event, u32 type, BOOLEAN state)
{
	memset(event, 0, sizeof(*event));
	event->type = type;
	event->signal_state = state;
}

/* Once the state is set a waiter may free the event: only its address is used after. */
s32 MS KeSetEvent(struct kevent *event, s32 increment, BOOLEAN wait)
{
	s32 old = xchg(&event->signal_state, 1);

	smp_mb();
	wake_up_var(event);
	return old;
}

static s32 MS KeResetEvent(struct kevent *event)
{
	return xchg(&event->signal_state, 0);
}

static void MS KeClearEvent(struct kevent *event)
{
	WRITE_ONCE(event->signal_state, 0);
}

static s32 MS KeReadStateEvent(struct kevent *event)
{
	return smp_load_acquire(&event->signal_state);
}

static void MS KeInitializeMutex(struct kmutant *mutex, u32 level)
{
	memset(mutex, 0, sizeof(*mutex));
	mutex->header.type = DISPATCHER_MUTEX;
	mutex->header.signal_state = 1;
}

static s32 MS KeReleaseMutex(struct kmutant *mutex, BOOLEAN wait)
{
	s32 before = mutex->header.signal_state;

	if (mutex->owner != current)
		bugcheck(MUTEX_NOT_OWNED, mutex, mutex->owner, current, 0);
	if (before == 0)
		mutex->owner = NULL;
	smp_store_release(&mutex->header.signal_state, before + 1);
	wake_up_var(mutex);
	return before;
}

struct ksemaphore {
	struct kevent header;
	s32 limit;
};

static void MS KeInitializeSemaphore(struct ksemaphore *semaphore, s32 count, s32 limit)
{
	memset(semaphore, 0, sizeof(*semaphore));
	semaphore->header.type = DISPATCHER_SEMAPHORE;
	semaphore->header.signal_state = count;
	semaphore->limit = limit;
}

static s32 MS KeReleaseSemaphore(struct ksemaphore *semaphore, s32 increment, s32 adjustment, BOOLEAN wait)
{
	s32 before = atomic_fetch_add(adjustment, (atomic_t *)&semaphore->header.signal_state);

	if (before + adjustment > semaphore->limit)
		bugcheck(STATUS_SEMAPHORE_LIMIT_EXCEEDED, semaphore, before, adjustment, semaphore->limit);
	wake_up_var(semaphore);
	return before;
}

static s32 MS KeReadStateSemaphore(struct ksemaphore *semaphore)
{
	return READ_ONCE(semaphore->header.signal_state);
}

/* ---- Waiting ---- */

static bool take_mutex(struct kmutant *mutex)
{
	if (mutex->owner != current && cmpxchg(&mutex->header.signal_state, 1, 0) != 1)
		return false;
	if (mutex->owner == current)
		mutex->header.signal_state--;
	mutex->owner = current;
	return true;
}

/* Every object that can be waited for begins with its type and its state. */
static bool take(struct kevent *object)
{
	switch (object->type) {
	case DISPATCHER_SYNCHRONIZATION_EVENT:
	case DISPATCHER_SYNCHRONIZATION_TIMER:
		return cmpxchg(&object->signal_state, 1, 0) == 1;
	case DISPATCHER_MUTEX:
		return take_mutex((struct kmutant *)object);
	case DISPATCHER_SEMAPHORE:
		return atomic_dec_if_positive((atomic_t *)&object->signal_state) >= 0;
	default:
		return smp_load_acquire(&object->signal_state) != 0;
	}
}

/* Negative is relative, positive a moment of system time; rounded up to a tick. */
static unsigned long to_jiffies(s64 timeout)
{
	s64 left = timeout < 0 ? -timeout : max_t(s64, timeout - ke_system_time(), 0);
	u64 ms = DIV_ROUND_UP_ULL(ke_until_tick(left), NSEC_PER_MSEC);

	return msecs_to_jiffies(min_t(u64, ms, U32_MAX / 2)) + 1;
}

/* At DISPATCH_LEVEL one may look at an object, and not wait for it. */
static void may_wait(const void *object, const s64 *timeout)
{
	if (KeGetCurrentIrql() >= DISPATCH_LEVEL && !(timeout && *timeout == 0))
		bugcheck(ATTEMPTED_SWITCH_FROM_DPC, current, object, KeGetCurrentIrql(), 0);
}

NTSTATUS MS KeWaitForSingleObject(void *object, u32 reason, u8 mode, BOOLEAN alertable, s64 *timeout)
{
	struct kevent *event = object;

	may_wait(object, timeout);
	if (!timeout) {
		wait_var_event(event, take(event));
		return STATUS_SUCCESS;
	}
	if (*timeout == 0)
		return take(event) ? STATUS_SUCCESS : STATUS_TIMEOUT;
	return wait_var_event_timeout(event, take(event), to_jiffies(*timeout)) ? STATUS_SUCCESS : STATUS_TIMEOUT;
}

static NTSTATUS MS KeDelayExecutionThread(u8 mode, BOOLEAN alertable, s64 *interval)
{
	u64 left = *interval < 0 ? -*interval : max_t(s64, *interval - ke_system_time(), 0);
	ktime_t time = ns_to_ktime(ke_until_tick(left));

	may_wait(interval, NULL); /* not for no time either: it gives the processor away */
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_hrtimeout(&time, HRTIMER_MODE_REL);
	return STATUS_SUCCESS;
}

static bool signalled(const struct kevent *object)
{
	if (object->type == DISPATCHER_MUTEX && ((const struct kmutant *)object)->owner == current)
		return true;
	return READ_ONCE(object->signal_state) > 0;
}

static void give_back(struct kevent *object)
{
	if (object->type == DISPATCHER_MUTEX)
		KeReleaseMutex((struct kmutant *)object, false);
	else if (object->type == DISPATCHER_SEMAPHORE)
		atomic_inc((atomic_t *)&object->signal_state);
	else if (object->type == DISPATCHER_SYNCHRONIZATION_EVENT || object->type == DISPATCHER_SYNCHRONIZATION_TIMER)
		WRITE_ONCE(object->signal_state, 1);
	wake_up_var(object);
}

/* All at once or none: whoever waits for one of them must not find it taken by a wait that goes on. */
static bool take_all(u32 count, struct kevent **objects)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (!signalled(objects[i]))
			return false;
	for (i = 0; i < count; i++) {
		if (take(objects[i]))
			continue;
		while (i--)
			give_back(objects[i]);
		return false;
	}
	return true;
}

/* Its number; `count` for none. */
static u32 take_any(u32 count, struct kevent **objects)
{
	u32 i = 0;

	while (i < count && !take(objects[i]))
		i++;
	return i;
}

/* Any or all of several: looked at again whenever one of their states may have changed. */
static NTSTATUS MS KeWaitForMultipleObjects(u32 count, struct kevent **objects, u32 any, u32 reason, u8 mode,
					    BOOLEAN alertable, s64 *timeout, void *blocks)
{
	unsigned long end = timeout ? jiffies + (*timeout ? to_jiffies(*timeout) : 0) : 0;

	may_wait(objects, timeout);
	if (!count || count > 64)
		return STATUS_INVALID_PARAMETER;
	for (;;) {
		u32 taken = any ? take_any(count, objects) : take_all(count, objects) ? 0 : count;

		if (taken < count)
			return taken;
		if (timeout && time_after_eq(jiffies, end))
			return STATUS_TIMEOUT;
		usleep_range(200, 500);
	}
}

/* ---- Processors: one group ---- */

static u32 MS KeGetCurrentProcessorNumberEx(u8 *number)
{
	u32 processor = raw_smp_processor_id();

	if (number) {
		memset(number, 0, 4);
		number[2] = processor;
	}
	return processor;
}

static u32 MS KeQueryActiveProcessorCount(u64 *mask)
{
	if (mask)
		*mask = (1ull << num_online_cpus()) - 1;
	return num_online_cpus();
}

static u32 MS KeQueryActiveProcessorCountEx(u16 group)
{
	return num_online_cpus();
}

static u64 MS KeQueryActiveProcessors(void)
{
	return (1ull << num_online_cpus()) - 1;
}

static u64 affinity(void)
{
	return *cpumask_bits(current->cpus_ptr);
}

/* 0 puts back what the thread had: all processors. The mask before. */
static u64 MS KeSetSystemAffinityThreadEx(u64 wanted)
{
	u64 before = affinity();
	struct cpumask mask;

	cpumask_copy(&mask, cpu_online_mask);
	if (wanted)
		*cpumask_bits(&mask) &= wanted;
	if (!cpumask_empty(&mask))
		set_cpus_allowed_ptr(current, &mask);
	return before == KeQueryActiveProcessors() ? 0 : before;
}

static void MS KeRevertToUserAffinityThreadEx(u64 before)
{
	KeSetSystemAffinityThreadEx(before);
}

static void MS KeRevertToUserAffinityThread(void)
{
	KeSetSystemAffinityThreadEx(0);
}

/* GROUP_AFFINITY: mask, group. */
static void MS KeSetSystemGroupAffinityThread(const u64 *wanted, u64 *before)
{
	u64 old = KeSetSystemAffinityThreadEx(wanted[0]);

	if (before)
		before[0] = old;
}

static void MS KeRevertToUserGroupAffinityThread(const u64 *before)
{
	KeSetSystemAffinityThreadEx(before[0]);
}

/* Nothing is delivered to a thread here that it could be kept from. */
static void MS KeEnterCriticalRegion(void)
{
}

const struct nt_export ke_exports[] = {
	NT_EXPORT(KeBugCheckEx),
	NT_EXPORT(KeBugCheck),
	NT_EXPORT(KeInitializeEvent),
	NT_EXPORT(KeSetEvent),
	NT_EXPORT(KeResetEvent),
	NT_EXPORT(KeClearEvent),
	NT_EXPORT(KeReadStateEvent),
	NT_EXPORT(KeInitializeMutex),
	NT_EXPORT(KeReleaseMutex),
	NT_EXPORT(KeInitializeSemaphore),
	NT_EXPORT(KeReleaseSemaphore),
	NT_EXPORT(KeReadStateSemaphore),
	NT_EXPORT(KeWaitForSingleObject),
	NT_EXPORT(KeWaitForMultipleObjects),
	NT_EXPORT(KeDelayExecutionThread),
	NT_EXPORT(KeGetCurrentProcessorNumberEx),
	NT_EXPORT(KeQueryActiveProcessorCount),
	NT_EXPORT(KeQueryActiveProcessorCountEx),
	NT_EXPORT(KeQueryActiveProcessors),
	NT_EXPORT(KeSetSystemAffinityThreadEx),
	NT_EXPORT(KeRevertToUserAffinityThreadEx),
	NT_EXPORT(KeRevertToUserAffinityThread),
	NT_EXPORT(KeSetSystemGroupAffinityThread),
	NT_EXPORT(KeRevertToUserGroupAffinityThread),
	NT_EXPORT(KeEnterCriticalRegion),
	NT_EXPORT_AS("KeLeaveCriticalRegion", KeEnterCriticalRegion),
	{}
};
