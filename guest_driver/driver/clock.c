/* SPDX-License-Identifier: Apache-2.0
 *
 * Time by the performance counter, and two ways to let it pass.
 */
#include "platform.h"

#define MICROSECONDS 1000000ULL

ULONG64 ClockNow(VOID)
{
    return (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart;
}

ULONG64 ClockElapsedUs(ULONG64 begin)
{
    LARGE_INTEGER frequency;
    ULONG64 now = (ULONG64)KeQueryPerformanceCounter(&frequency).QuadPart;

    return (now - begin) * MICROSECONDS / (ULONG64)frequency.QuadPart;
}

VOID ClockSleepUs(ULONG us)
{
    LARGE_INTEGER interval;

    interval.QuadPart = -(LONGLONG)us * 10;
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

VOID ClockStallUs(ULONG us)
{
    ULONG64 begin = ClockNow();

    while (us && ClockElapsedUs(begin) < us)
        __builtin_ia32_pause();
}
