/* SPDX-License-Identifier: Apache-2.0
 *
 * A WSK_BUF of any shape. The MDLs of a chain are kept apart in memory, so that
 * code which runs past the end of one does not happen to find the next.
 */
#include "wsktest.h"

#define GAP 64

static UCHAR *byte_at(const struct chain *chain, const struct wsktest_buffer *shape, ULONG position)
{
    return chain->memory + (position / shape->mdl_bytes) * chain->stride + position % shape->mdl_bytes;
}

/* A dangerous WSK_BUF.Length says more than there is. */
static ULONG held(const struct wsktest_buffer *shape)
{
    ULONG room = shape->mdl_count * shape->mdl_bytes - shape->offset;

    return shape->length < room ? shape->length : room;
}

static VOID fill(struct chain *chain, const struct wsktest_buffer *shape, const UCHAR *data)
{
    for (ULONG i = 0; i < held(shape); i++)
        *byte_at(chain, shape, shape->offset + i) = data[i % shape->data_length];
}

static NTSTATUS add_mdls(struct chain *chain, const struct wsktest_buffer *shape)
{
    PMDL *next = &chain->buf.Mdl;

    for (ULONG i = 0; i < shape->mdl_count; i++) {
        PMDL mdl = IoAllocateMdl(chain->memory + i * chain->stride, shape->mdl_bytes, FALSE, FALSE, NULL);

        if (!mdl)
            return STATUS_INSUFFICIENT_RESOURCES;
        MmBuildMdlForNonPagedPool(mdl);
        *next = mdl;
        next = &mdl->Next;
    }
    return STATUS_SUCCESS;
}

/* `data` is NULL for a buffer that is to be received into. */
NTSTATUS chain_build(struct chain *chain, const struct wsktest_buffer *shape, const UCHAR *data)
{
    SIZE_T size;

    chain->stride = shape->mdl_bytes + GAP;
    size = (SIZE_T)shape->mdl_count * chain->stride;
    chain->memory = ExAllocatePoolWithTag(NonPagedPoolNx, size, POOL_TAG);
    if (!chain->memory)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(chain->memory, WSKTEST_POISON_BYTE, size);
    chain->buf.Offset = shape->offset;
    chain->buf.Length = shape->length;
    if (data)
        fill(chain, shape, data);
    return add_mdls(chain, shape);
}

VOID chain_copy_out(const struct chain *chain, const struct wsktest_buffer *shape, UCHAR *to)
{
    for (ULONG i = 0; i < held(shape); i++)
        to[i] = *byte_at(chain, shape, shape->offset + i);
}

VOID chain_free(struct chain *chain)
{
    PMDL mdl = chain->buf.Mdl;

    while (mdl) {
        PMDL next = mdl->Next;

        IoFreeMdl(mdl);
        mdl = next;
    }
    if (chain->memory)
        ExFreePoolWithTag(chain->memory, POOL_TAG);
}

static SIZE_T copy_piece(PMDL mdl, ULONG offset, SIZE_T size, UCHAR *to)
{
    const UCHAR *from = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);

    if (!from)
        return 0;
    memcpy(to, from + offset, size);
    return size;
}

static SIZE_T copy_buf(const WSK_BUF *buf, UCHAR *to, SIZE_T room)
{
    SIZE_T left = buf->Length < room ? buf->Length : room;
    ULONG offset = buf->Offset;
    SIZE_T copied = 0;

    for (PMDL mdl = buf->Mdl; mdl && copied < left; mdl = mdl->Next, offset = 0) {
        SIZE_T piece = MmGetMdlByteCount(mdl) > offset ? MmGetMdlByteCount(mdl) - offset : 0;

        copied += copy_piece(mdl, offset, piece < left - copied ? piece : left - copied, to + copied);
    }
    return copied;
}

/* The bytes that WSK indicates in an event, as far as there is room for them. */
SIZE_T indication_copy(const WSK_DATA_INDICATION *indication, UCHAR *to, SIZE_T room)
{
    SIZE_T copied = 0;

    for (; indication; indication = indication->Next)
        copied += copy_buf(&indication->Buffer, to + copied, room - copied);
    return copied;
}

SIZE_T indication_size(const WSK_DATA_INDICATION *indication)
{
    SIZE_T size = 0;

    for (; indication; indication = indication->Next)
        size += indication->Buffer.Length;
    return size;
}
