/* SPDX-License-Identifier: Apache-2.0
 *
 * A WSK_BUF of any shape. The MDLs of a chain are kept apart in memory, so that
 * code which runs past the end of one does not happen to find the next.
 */
#include "chain.h"

#define GAP 64 /* also keeps an empty MDL off a page's first byte, where it would span no page */

ULONG ChainMdlBytes(const struct wsktest_buffer *shape, const UCHAR *data_area, ULONG number)
{
    ULONG bytes;

    if (shape->mdl_bytes)
        return shape->mdl_bytes;
    memcpy(&bytes, data_area + shape->sizes_offset + number * sizeof(bytes), sizeof(bytes));
    return bytes;
}

static SIZE_T ChainMemory(const struct wsktest_buffer *shape, const UCHAR *data_area)
{
    SIZE_T size = 0;

    for (ULONG i = 0; i < shape->mdl_count; i++)
        size += GAP + ChainMdlBytes(shape, data_area, i);
    return size;
}

/* An MDL of no bytes is one of a byte whose count was set to none, as NDIS does it. */
static NTSTATUS AddMdl(PMDL **next, UCHAR *memory, ULONG bytes)
{
    PMDL mdl = IoAllocateMdl(memory, bytes ? bytes : 1, FALSE, FALSE, NULL);

    if (!mdl)
        return STATUS_INSUFFICIENT_RESOURCES;
    MmBuildMdlForNonPagedPool(mdl);
    if (!bytes)
        mdl->ByteCount = 0;
    **next = mdl;
    *next = &mdl->Next;
    return STATUS_SUCCESS;
}

static NTSTATUS AddMdls(CHAIN *chain, const struct wsktest_buffer *shape, const UCHAR *data_area)
{
    PMDL *next = &chain->buf.Mdl;
    UCHAR *memory = chain->memory + GAP / 2;
    NTSTATUS status = STATUS_SUCCESS;

    for (ULONG i = 0; i < shape->mdl_count && NT_SUCCESS(status); i++) {
        ULONG bytes = ChainMdlBytes(shape, data_area, i);

        status = AddMdl(&next, memory, bytes);
        memory += GAP + bytes;
    }
    return status;
}

/* A piece of what the WSK_BUF describes: as much as one MDL has of it. */
typedef struct _PIECE {
    ULONG number; /* 1 + that of the MDL */
    UCHAR *bytes;
    SIZE_T size;
    SIZE_T position; /* of its first byte in the WSK_BUF */
    UCHAR *next_memory;
} PIECE;

/* FALSE behind the last. Found without the MDLs, which WSK has had in its hands. */
static BOOLEAN NextPiece(const CHAIN *chain, PIECE *piece)
{
    ULONG offset = piece->number ? 0 : chain->buf.Offset;
    UCHAR *memory = piece->number ? piece->next_memory : chain->memory + GAP / 2;
    ULONG bytes;

    piece->position += piece->size;
    if (piece->position == chain->held)
        return FALSE;
    bytes = ChainMdlBytes(chain->shape, chain->data_area, piece->number++);
    piece->next_memory = memory + bytes + GAP;
    piece->bytes = memory + offset;
    piece->size = bytes - offset;
    if (piece->size > chain->held - piece->position)
        piece->size = chain->held - piece->position;
    return TRUE;
}

static VOID FillChain(CHAIN *chain)
{
    const UCHAR *data = chain->data_area + chain->shape->data_offset;
    PIECE piece = {0};

    while (NextPiece(chain, &piece))
        for (SIZE_T i = 0; i < piece.size; i++)
            piece.bytes[i] = data[(piece.position + i) % chain->shape->data_length];
}

static SIZE_T RoomInChain(const struct wsktest_buffer *shape, const UCHAR *data_area)
{
    return ChainMemory(shape, data_area) - (SIZE_T)shape->mdl_count * GAP - shape->offset;
}

NTSTATUS ChainBuild(CHAIN *chain, const struct wsktest_buffer *shape, const UCHAR *data_area,
                    BOOLEAN receives)
{
    SIZE_T size = ChainMemory(shape, data_area);
    SIZE_T room = RoomInChain(shape, data_area);
    NTSTATUS status;

    chain->memory = ExAllocatePoolWithTag(NonPagedPoolNx, size, POOL_TAG);
    if (!chain->memory)
        return STATUS_INSUFFICIENT_RESOURCES;
    memset(chain->memory, WSKTEST_POISON_BYTE, size);
    chain->shape = shape;
    chain->data_area = data_area;
    chain->buf.Offset = shape->offset;
    chain->buf.Length = shape->length;
    chain->held = shape->length < room ? shape->length : room;
    status = AddMdls(chain, shape, data_area);
    if (NT_SUCCESS(status) && !receives)
        FillChain(chain);
    return status;
}

VOID ChainCopyOut(const CHAIN *chain, UCHAR *to)
{
    PIECE piece = {0};

    while (NextPiece(chain, &piece))
        memcpy(to + piece.position, piece.bytes, piece.size);
}

VOID ChainFree(CHAIN *chain)
{
    PMDL mdl = chain->buf.Mdl;

    while (mdl) {
        PMDL next = mdl->Next;

        IoFreeMdl(mdl);
        mdl = next;
    }
    PoolFree(chain->memory);
}

/* Of an MDL that cannot be mapped nothing is copied, nor of what follows it. */
static SIZE_T CopyFromBuf(const WSK_BUF *buf, UCHAR *to, SIZE_T room)
{
    SIZE_T wanted = buf->Length < room ? buf->Length : room;
    ULONG offset = buf->Offset;
    SIZE_T copied = 0;

    for (PMDL mdl = buf->Mdl; mdl && copied < wanted; mdl = mdl->Next, offset = 0) {
        SIZE_T piece = MmGetMdlByteCount(mdl) > offset ? MmGetMdlByteCount(mdl) - offset : 0;
        const UCHAR *from = piece ? MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) : NULL;

        if (!piece)
            continue;
        if (!from)
            break;
        if (piece > wanted - copied)
            piece = wanted - copied;
        memcpy(to + copied, from + offset, piece);
        copied += piece;
    }
    return copied;
}

SIZE_T IndicationCopy(const WSK_DATA_INDICATION *indication, UCHAR *to, SIZE_T room)
{
    SIZE_T copied = 0;

    for (; indication; indication = indication->Next)
        copied += CopyFromBuf(&indication->Buffer, to + copied, room - copied);
    return copied;
}

SIZE_T IndicationSize(const WSK_DATA_INDICATION *indication)
{
    SIZE_T size = 0;

    for (; indication; indication = indication->Next)
        size += indication->Buffer.Length;
    return size;
}
