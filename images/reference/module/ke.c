// SPDX-License-Identifier: GPL-2.0-only
/* Events, waiting, time, processors, bugchecks. */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/wait_bit.h>

#include "ntlab_internal.h"
#include "policy_kernel.h"

#define EPOCH_1601 116444736000000000ll	/* 1970 in NT's time */

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

/* In units of 100 ns since 1601, as NT counts. */
s64 ke_system_time(void)
{
	return ktime_get_real_ns() / 100 + EPOCH_1601;
}

/* How long to wait, in ns, for something that is due in so many 100 ns: until the timer's next tick. */
u64 ke_until_tick(u64 due)
{
	u64 ns = min_t(u64, due, S64_MAX / 200) * 100;
	u64 tick = policy_tick_ns();
	u64 now = ktime_get_ns();

	return DIV64_U64_ROUND_UP(now + ns, tick) * tick - now;
}

/* Negative is relative, positive a moment of system time; rounded up to a tick. */
static unsigned long to_jiffies(s64 timeout)
{
	s64 left = timeout < 0 ? -timeout : max_t(s64, timeout - ke_system_time(), 0);
	u64 ms = DIV_ROUND_UP_ULL(ke_until_tick(left), NSEC_PER_MSEC);

	return msecs_to_jiffies(min_t(u64, ms, U32_MAX / 2)) + 1;
}

static void may_wait(const void *object, s64 *timeout)
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

	may_wait(interval, interval);
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

static u64 MS KeQueryPerformanceCounter(u64 *frequency)
{
	if (frequency)
		*frequency = policy_counter_frequency();
	return policy_counter(ktime_get_ns());
}

static void MS KeQuerySystemTimePrecise(s64 *time)
{
	*time = ke_system_time();
}

static u64 MS KeQueryInterruptTime(void)
{
	u64 now = ktime_get_ns();

	return (now - now % policy_tick_ns()) / 100;
}

static u64 MS KeQueryInterruptTimePrecise(u64 *counter)
{
	u64 now = ktime_get_ns();

	*counter = policy_counter(now);
	return now / 100;
}

static u64 MS KeQueryUnbiasedInterruptTime(void)
{
	return ktime_get_ns() / 100;
}

static u32 MS KeQueryTimeIncrement(void)
{
	return shared_time_increment();
}

static void MS KeStallExecutionProcessor(u32 us)
{
	for (; us > 1000; us -= 1000)
		udelay(1000);
	udelay(us);
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

static u32 MS nt_specific_handler(void *record, void *frame, void *context, void *dispatcher)
{
	return 1;	/* ExceptionContinueSearch: a fault in a driver stops the guest before this is asked */
}

const struct nt_export ke_exports[] = {
	NT_EXPORT(KeBugCheckEx),
	NT_EXPORT(KeBugCheck),
	NT_EXPORT(KeInitializeEvent),
	NT_EXPORT(KeSetEvent),
	NT_EXPORT(KeResetEvent),
	NT_EXPORT(KeClearEvent),
	NT_EXPORT(KeReadStateEvent),
	NT_EXPORT(KeWaitForSingleObject),
	NT_EXPORT(KeWaitForMultipleObjects),
	NT_EXPORT(KeDelayExecutionThread),
	NT_EXPORT(KeQueryPerformanceCounter),
	NT_EXPORT(KeQuerySystemTimePrecise),
	NT_EXPORT(KeQueryInterruptTime),
	NT_EXPORT(KeQueryInterruptTimePrecise),
	NT_EXPORT(KeQueryUnbiasedInterruptTime),
	NT_EXPORT(KeQueryTimeIncrement),
	NT_EXPORT(KeStallExecutionProcessor),
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
	NT_EXPORT_AS("__C_specific_handler", nt_specific_handler),
	{}
};
