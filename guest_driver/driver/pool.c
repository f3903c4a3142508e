/* SPDX-License-Identifier: Apache-2.0
 *
 * All memory of a run: non-paged, under one tag.
 */
#include "platform.h"

PVOID PoolAllocate(SIZE_T size)
{
    PVOID memory = ExAllocatePoolWithTag(NonPagedPoolNx, size ? size : 1, POOL_TAG);

    if (memory)
        memset(memory, 0, size);
    return memory;
}

VOID PoolFree(PVOID memory)
{
    if (memory)
        ExFreePoolWithTag(memory, POOL_TAG);
}
