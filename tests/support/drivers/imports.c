/* SPDX-License-Identifier: Apache-2.0
 *
 * What ordinary WSK clients import besides WSK: locks, things done once, text, cancel-safe queues,
 * remove locks, tracing. By name, as the import library knows only some of them.
 */
#include "lab.h"

static VOID locks(VOID)
{
    FIND(KIRQL, ExAcquireSpinLockShared, LONG *);
    FIND(VOID, ExReleaseSpinLockShared, LONG *, KIRQL);
    FIND(KIRQL, ExAcquireSpinLockExclusive, LONG *);
    FIND(VOID, ExReleaseSpinLockExclusive, LONG *, KIRQL);
    FIND(ULONG, ExTryConvertSharedSpinLockExclusive, LONG *);
    FIND(VOID, ExReleaseSpinLockExclusiveFromDpcLevel, LONG *);
    FIND(VOID, ExAcquirePushLockExclusiveEx, ULONG_PTR *, ULONG);
    FIND(VOID, ExReleasePushLockExclusiveEx, ULONG_PTR *, ULONG);
    FIND(VOID, KeAcquireInStackQueuedSpinLockAtDpcLevel, PKSPIN_LOCK, PKLOCK_QUEUE_HANDLE);
    FIND(VOID, KeReleaseInStackQueuedSpinLockFromDpcLevel, PKLOCK_QUEUE_HANDLE);
    KLOCK_QUEUE_HANDLE handle;
    KSPIN_LOCK spin = 0;
    ULONG_PTR push = 0;
    LONG lock = 0;
    KIRQL old, other;

    old = ExAcquireSpinLockShared(&lock);
    check(get_irql() == DISPATCH_LEVEL && old == PASSIVE_LEVEL, "shared-spin-lock-raises");
    other = ExAcquireSpinLockShared(&lock);
    check(!ExTryConvertSharedSpinLockExclusive(&lock), "two-readers-are-no-writer");
    ExReleaseSpinLockShared(&lock, other);
    check(ExTryConvertSharedSpinLockExclusive(&lock), "one-reader-becomes-the-writer");
    ExReleaseSpinLockExclusiveFromDpcLevel(&lock);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&spin, &handle);
    check(spin != 0, "queued-at-dispatch");
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&handle);
    lower_irql(old);
    old = ExAcquireSpinLockExclusive(&lock);
    ExReleaseSpinLockExclusive(&lock, old);
    check(lock == 0 && get_irql() == PASSIVE_LEVEL, "released-as-it-was");
    ExAcquirePushLockExclusiveEx(&push, 0);
    ExReleasePushLockExclusiveEx(&push, 0);
    check(push == 0, "push-lock");
}

static int made;

static ULONG NTAPI make_once(PVOID once, PVOID parameter, PVOID *context)
{
    (void)once;
    made++;
    *context = parameter;
    return TRUE;
}

static VOID once(VOID)
{
    FIND(NTSTATUS, RtlRunOnceExecuteOnce, PVOID *, PVOID, PVOID, PVOID *);
    PVOID state = NULL, context = NULL;
    int i;

    for (i = 0; i < 3; i++)
        RtlRunOnceExecuteOnce(&state, make_once, &state, &context);
    check(made == 1 && context == &state, "run-once");
}

static BOOLEAN same(const WCHAR *a, const WCHAR *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static VOID text(VOID)
{
    FIND(WCHAR *, RtlIpv4AddressToStringW, const UCHAR *, WCHAR *);
    FIND(NTSTATUS, RtlIpv4StringToAddressW, const WCHAR *, BOOLEAN, const WCHAR **, UCHAR *);
    FIND(WCHAR *, RtlIpv6AddressToStringW, const UCHAR *, WCHAR *);
    FIND(NTSTATUS, RtlIpv6StringToAddressW, const WCHAR *, const WCHAR **, UCHAR *);
    FIND(NTSTATUS, RtlUTF8ToUnicodeN, WCHAR *, ULONG, ULONG *, const CHAR *, ULONG);
    FIND(NTSTATUS, RtlUnicodeToUTF8N, CHAR *, ULONG, ULONG *, const WCHAR *, ULONG);
    FIND(NTSTATUS, RtlGUIDFromString, PUNICODE_STRING, GUID *);
    FIND(NTSTATUS, RtlStringFromGUID, const GUID *, PUNICODE_STRING);
    FIND(NTSTATUS, RtlUnicodeStringToInteger, PUNICODE_STRING, ULONG, ULONG *);
    FIND(NTSTATUS, RtlIntegerToUnicodeString, ULONG, ULONG, PUNICODE_STRING);
    static const UCHAR v4[4] = {192, 0, 2, 17}, v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    UNICODE_STRING string, guid_text;
    WCHAR wide[64], *end;
    const WCHAR *rest;
    UCHAR parsed[16];
    CHAR narrow[16];
    ULONG size, value = 0;
    GUID guid;

    end = RtlIpv4AddressToStringW(v4, wide);
    check(same(wide, L"192.0.2.17") && end == wide + 10, "ipv4-to-text");
    check(NT_SUCCESS(RtlIpv4StringToAddressW(L"192.0.2.17", TRUE, &rest, parsed)) && !memcmp(parsed, v4, 4),
          "ipv4-from-text");
    RtlIpv6AddressToStringW(v6, wide);
    check(same(wide, L"2001:db8::1"), "ipv6-to-text");
    check(NT_SUCCESS(RtlIpv6StringToAddressW(L"2001:db8::1", &rest, parsed)) && !memcmp(parsed, v6, 16),
          "ipv6-from-text");
    RtlUTF8ToUnicodeN(wide, sizeof(wide), &size, "a\xc3\xa4\xf0\x9f\x98\x80", 7);
    check(size == 8 && wide[1] == 0xe4 && wide[2] == 0xd83d && wide[3] == 0xde00, "utf-8-to-wide");
    RtlUnicodeToUTF8N(narrow, sizeof(narrow), &size, wide, 8);
    check(size == 7 && !memcmp(narrow, "a\xc3\xa4\xf0\x9f\x98\x80", 7), "wide-to-utf-8");
    RtlInitUnicodeString(&string, L"{12345678-9ABC-DEF0-1234-56789ABCDEF0}");
    check(NT_SUCCESS(RtlGUIDFromString(&string, &guid)) && guid.Data1 == 0x12345678, "guid-from-text");
    check(NT_SUCCESS(RtlStringFromGUID(&guid, &guid_text)) &&
              RtlEqualUnicodeString(&guid_text, &string, TRUE),
          "guid-to-text");
    RtlFreeUnicodeString(&guid_text);
    RtlInitUnicodeString(&string, L"0x1f rest");
    check(NT_SUCCESS(RtlUnicodeStringToInteger(&string, 0, &value)) && value == 31, "integer-from-text");
    string.Buffer = wide;
    string.MaximumLength = sizeof(wide);
    RtlIntegerToUnicodeString(65535, 16, &string);
    check(string.Length == 8 && same(wide, L"FFFF"), "integer-to-text");
}

/* ---- A cancel-safe queue of one IRP ---- */

static PIRP queued, cancelled_irp;
static KSPIN_LOCK queue_lock;

static VOID NTAPI insert(PIO_CSQ csq, PIRP irp)
{
    (void)csq;
    queued = irp;
}

static VOID NTAPI take(PIO_CSQ csq, PIRP irp)
{
    (void)csq, (void)irp;
    queued = NULL;
}

static PIRP NTAPI peek(PIO_CSQ csq, PIRP irp, PVOID context)
{
    (void)csq, (void)context;
    return irp ? NULL : queued;
}

static VOID NTAPI acquire(PIO_CSQ csq, PKIRQL irql)
{
    (void)csq;
    KeAcquireSpinLock(&queue_lock, irql);
}

static VOID NTAPI release(PIO_CSQ csq, KIRQL irql)
{
    (void)csq;
    KeReleaseSpinLock(&queue_lock, irql);
}

static VOID NTAPI complete_cancelled(PIO_CSQ csq, PIRP irp)
{
    (void)csq;
    cancelled_irp = irp;
}

static VOID queues(VOID)
{
    FIND(NTSTATUS, IoCsqInitialize, PIO_CSQ, PVOID, PVOID, PVOID, PVOID, PVOID, PVOID);
    FIND(VOID, IoCsqInsertIrp, PIO_CSQ, PIRP, PVOID);
    FIND(PIRP, IoCsqRemoveNextIrp, PIO_CSQ, PVOID);
    PIRP irp = IoAllocateIrp(1, FALSE);
    IO_CSQ csq;

    IoSetNextIrpStackLocation(irp);
    IoCsqInitialize(&csq, insert, take, peek, acquire, release, complete_cancelled);
    IoCsqInsertIrp(&csq, irp, NULL);
    check(IoCsqRemoveNextIrp(&csq, NULL) == irp && !queued, "csq-gives-back");
    IoCsqInsertIrp(&csq, irp, NULL);
    check(IoCancelIrp(irp) && cancelled_irp == irp && !queued, "csq-cancels");
    check(!IoCsqRemoveNextIrp(&csq, NULL), "csq-is-empty");
    IoFreeIrp(irp);
}

static VOID remove_locks(VOID)
{
    FIND(VOID, IoInitializeRemoveLockEx, PIO_REMOVE_LOCK, ULONG, ULONG, ULONG, ULONG);
    FIND(NTSTATUS, IoAcquireRemoveLockEx, PIO_REMOVE_LOCK, PVOID, const CHAR *, ULONG, ULONG);
    FIND(VOID, IoReleaseRemoveLockAndWaitEx, PIO_REMOVE_LOCK, PVOID, ULONG);
    IO_REMOVE_LOCK lock;

    IoInitializeRemoveLockEx(&lock, 'tseT', 0, 0, sizeof(lock));
    check(NT_SUCCESS(IoAcquireRemoveLockEx(&lock, NULL, "", 0, sizeof(lock))), "remove-lock");
    IoReleaseRemoveLockAndWaitEx(&lock, NULL, sizeof(lock));
    check(!NT_SUCCESS(IoAcquireRemoveLockEx(&lock, NULL, "", 0, sizeof(lock))), "remove-lock-is-over");
}

static VOID others(VOID)
{
    static const PCWSTR names[] = {
        L"EtwRegister",   L"EtwWrite",        L"EtwUnregister", L"WmiTraceMessage", L"__chkstk",
        L"_stricmp",      L"strcpy",          L"strnlen",       L"swprintf",        L"ProbeForRead",
        L"ProbeForWrite", L"ExRaiseStatus",   L"KeBugCheck",    L"ExFreePool2",     L"ExAllocatePool3",
        L"_vsnwprintf",   L"RtlCompareMemory"};
    ULONG i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        import(names[i]);
}

static VOID run(VOID)
{
    lab_open("imports");
    locks();
    once();
    text();
    queues();
    remove_locks();
    others();
    check(found_all, "all-names-are-known");
    lab_close();
}
