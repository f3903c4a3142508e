/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags that one processor raises and another looks at.
 *
 * Raising one is an interlocked operation, hence a full barrier: whoever sees the
 * flag sees all that was written before it, and what is read afterwards is not
 * read before. Looking at one is an acquire. Where each of two sides writes one
 * thing and then reads what the other writes (recovery raises `recovering` and
 * reads `inside`, a hook counts itself into `inside` and reads `recovering`), it
 * is the full barrier between the two that keeps both from missing each other.
 */
#ifndef WSKTEST_SYNC_H
#define WSKTEST_SYNC_H

#include "platform.h"

typedef volatile LONG FLAG;

static inline VOID FlagRaise(_Inout_ _Interlocked_ FLAG *flag)
{
    InterlockedExchange(flag, TRUE);
}

static inline VOID FlagLower(_Inout_ _Interlocked_ FLAG *flag)
{
    InterlockedExchange(flag, FALSE);
}

/* TRUE for the one who raised it, of all who try. */
static inline BOOLEAN FlagClaim(_Inout_ _Interlocked_ FLAG *flag)
{
    return !InterlockedExchange(flag, TRUE);
}

static inline BOOLEAN FlagIsRaised(_In_ const FLAG *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != FALSE;
}

#endif
