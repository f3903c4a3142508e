// SPDX-License-Identifier: GPL-2.0-only
/* Time. */
#include <linux/ktime.h>
#include <linux/processor.h>

#include "ntlab_internal.h"
#include "policy_kernel.h"

#define EPOCH_1601 116444736000000000ll	/* 1970 in NT's time */

/* In units of 100 ns since 1601, as NT counts. */
s64 ke_system_time(void)
{
	return ktime_get_real_ns() / NT_UNIT_NS + EPOCH_1601;
}

/* How long to wait, in ns, for something that is due in so many 100 ns: until the timer's next tick. */
u64 ke_until_tick(u64 due)
{
	u64 ns = min_t(u64, due, S64_MAX / (2 * NT_UNIT_NS)) * NT_UNIT_NS;
	u64 tick = policy_tick_ns();
	u64 now = ktime_get_ns();

	return DIV64_U64_ROUND_UP(now + ns, tick) * tick - now;
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

	return (now - now % policy_tick_ns()) / NT_UNIT_NS;
}

static u64 MS KeQueryInterruptTimePrecise(u64 *counter)
{
	u64 now = ktime_get_ns();

	*counter = policy_counter(now);
	return now / NT_UNIT_NS;
}

static u64 MS KeQueryUnbiasedInterruptTime(void)
{
	return ktime_get_ns() / NT_UNIT_NS;
}

static u32 MS KeQueryTimeIncrement(void)
{
	return TICK_NS / NT_UNIT_NS;
}

/* By the clock: loops that were counted while the host was busy are over too soon. */
void ke_stall(u64 us)
{
	u64 end = ktime_get_ns() + us * NSEC_PER_USEC;

	while (ktime_get_ns() < end)
		cpu_relax();
}

static void MS KeStallExecutionProcessor(u32 us)
{
	ke_stall(us);
}

const struct nt_export time_exports[] = {
	NT_EXPORT(KeQueryPerformanceCounter),
	NT_EXPORT(KeQuerySystemTimePrecise),
	NT_EXPORT(KeQueryInterruptTime),
	NT_EXPORT(KeQueryInterruptTimePrecise),
	NT_EXPORT(KeQueryUnbiasedInterruptTime),
	NT_EXPORT(KeQueryTimeIncrement),
	NT_EXPORT(KeStallExecutionProcessor),
	{}
};
