/* SPDX-License-Identifier: Apache-2.0
 *
 * Time by the performance counter, and two ways to let it pass.
 */
#include "wsktest.h"

#define MICROSECONDS 1000000ULL

ULONG64 clock_now(VOID)
{
    return (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart;
}

ULONG64 clock_us_since(ULONG64 begin)
{
    LARGE_INTEGER frequency;
    ULONG64 now = (ULONG64)KeQueryPerformanceCounter(&frequency).QuadPart;

    return (now - begin) * MICROSECONDS / (ULONG64)frequency.QuadPart;
}

VOID clock_sleep_us(ULONG us)
{
    LARGE_INTEGER interval;

    interval.QuadPart = -(LONGLONG)us * 10;
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

VOID clock_hold_us(ULONG us)
{
    ULONG64 begin = clock_now();

    while (us && clock_us_since(begin) < us)
        __builtin_ia32_pause();
}
