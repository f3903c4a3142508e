/* SPDX-License-Identifier: Apache-2.0
 *
 * What ordinary WSK clients import besides WSK: each group of functions, used once.
 */
#include "lab.h"

/* mingw's import library has no ExAllocatePool2. */
static PVOID find(PCWSTR name)
{
    UNICODE_STRING string;

    RtlInitUnicodeString(&string, name);
    return MmGetSystemRoutineAddress(&string);
}

static KEVENT happened;
static KIRQL seen_level;
static ULONG seen_processor;

static VOID NTAPI on_dpc(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    (void)dpc, (void)context, (void)one, (void)two;
    seen_level = get_irql();
    seen_processor = KeGetCurrentProcessorNumberEx(NULL);
    KeSetEvent(&happened, 0, FALSE);
}

static BOOLEAN happens(LONG ms)
{
    LARGE_INTEGER wait;
    BOOLEAN did;

    wait.QuadPart = -10000ll * ms;
    did = KeWaitForSingleObject(&happened, Executive, KernelMode, FALSE, &wait) == STATUS_SUCCESS;
    KeResetEvent(&happened);
    return did;
}

static VOID dpcs_and_timers(VOID)
{
    static KTIMER timer;
    static KDPC dpc;
    LARGE_INTEGER due;
    CCHAR target;

    KeInitializeEvent(&happened, NotificationEvent, FALSE);
    KeInitializeDpc(&dpc, on_dpc, NULL);
    for (target = 0; target < (CCHAR)KeQueryActiveProcessorCount(NULL); target++) {
        KeSetTargetProcessorDpc(&dpc, target);
        KeInsertQueueDpc(&dpc, NULL, NULL);
        check(happens(500) && seen_level == DISPATCH_LEVEL && seen_processor == (ULONG)target, "dpc");
    }
    due.QuadPart = -10000ll * 20;
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, due, &dpc);
    check(happens(500) && KeReadStateTimer(&timer), "timer");
    KeSetTimer(&timer, due, &dpc);
    check(KeCancelTimer(&timer) && !happens(50), "cancelled-timer");
}

static VOID locks(VOID)
{
    LARGE_INTEGER none = {.QuadPart = 0};
    FAST_MUTEX fast;
    KSEMAPHORE semaphore;
    KMUTEX mutex;
    KSPIN_LOCK lock = 0;
    ERESOURCE resource;
    EX_RUNDOWN_REF rundown;
    KIRQL old = KeAcquireSpinLockRaiseToDpc(&lock);

    check(get_irql() == DISPATCH_LEVEL, "spin-lock-raises");
    KeReleaseSpinLock(&lock, old);
    check(get_irql() == PASSIVE_LEVEL, "spin-lock-lowers");
    ExInitializeFastMutex(&fast);
    ExAcquireFastMutex(&fast);
    check(get_irql() == APC_LEVEL, "fast-mutex-raises");
    ExReleaseFastMutex(&fast);
    check(get_irql() == PASSIVE_LEVEL, "fast-mutex-lowers");
    KeInitializeSemaphore(&semaphore, 1, 2);
    check(KeWaitForSingleObject(&semaphore, Executive, KernelMode, FALSE, &none) == STATUS_SUCCESS,
          "semaphore");
    check(KeWaitForSingleObject(&semaphore, Executive, KernelMode, FALSE, &none) == STATUS_TIMEOUT,
          "semaphore-empty");
    KeInitializeMutex(&mutex, 0);
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    check(KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, &none) == STATUS_SUCCESS,
          "mutex-again");
    KeReleaseMutex(&mutex, FALSE);
    check(KeReleaseMutex(&mutex, FALSE) == 0, "mutex-release");
    ExInitializeResourceLite(&resource);
    check(ExAcquireResourceExclusiveLite(&resource, TRUE), "resource");
    ExReleaseResourceLite(&resource);
    ExDeleteResourceLite(&resource);
    ExInitializeRundownProtection(&rundown);
    check(ExAcquireRundownProtection(&rundown), "rundown");
    ExReleaseRundownProtection(&rundown);
    ExWaitForRundownProtectionRelease(&rundown);
    check(!ExAcquireRundownProtection(&rundown), "rundown-ends");
}

static VOID memory(VOID)
{
    PVOID(NTAPI * allocate)(ULONG64, SIZE_T, ULONG) = find(L"ExAllocatePool2");
    UCHAR *zeroed = allocate(0x40, 100, 'tseT'), *buffer = ExAllocatePoolWithTag(NonPagedPoolNx, 200, 'tseT');
    PMDL mdl, part;
    NPAGED_LOOKASIDE_LIST list;
    PVOID entry;

    check(zeroed && !zeroed[0] && !zeroed[99], "pool-is-zeroed");
    ExFreePoolWithTag(zeroed, 'tseT');
    mdl = IoAllocateMdl(buffer, 200, FALSE, FALSE, NULL);
    part = IoAllocateMdl(buffer, 200, FALSE, FALSE, NULL);
    MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
    IoBuildPartialMdl(mdl, part, buffer + 50, 10);
    check(MmGetSystemAddressForMdlSafe(part, NormalPagePriority) == buffer + 50, "partial-mdl");
    check(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) == buffer, "locked-mdl");
    MmUnlockPages(mdl);
    IoFreeMdl(part);
    IoFreeMdl(mdl);
    ExFreePoolWithTag(buffer, 'tseT');
    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 64, 'tseT', 0);
    entry = ExAllocateFromNPagedLookasideList(&list);
    check(entry != NULL, "lookaside");
    ExFreeToNPagedLookasideList(&list, entry);
    ExDeleteNPagedLookasideList(&list);
}

static VOID strings(VOID)
{
    ANSI_STRING ansi;
    UNICODE_STRING wide, expected;
    VOID(NTAPI * precise)(PLARGE_INTEGER) = find(L"KeQuerySystemTimePrecise");
    LARGE_INTEGER now;

    RtlInitAnsiString(&ansi, "Winsock");
    RtlInitUnicodeString(&expected, L"winSOCK");
    check(NT_SUCCESS(RtlAnsiStringToUnicodeString(&wide, &ansi, TRUE)) &&
              RtlEqualUnicodeString(&wide, &expected, TRUE),
          "ansi-to-unicode");
    DbgPrintEx(0, 0, "%wZ %Z %S %5d %08I64x %p %c%%\n", &wide, &ansi, L"wide", -12, 0xabcull, (PVOID)0x1234,
               'z');
    RtlFreeUnicodeString(&wide);
    precise(&now);
    check(now.QuadPart > 130000000000000000ll, "system-time");
}

static VOID files(VOID)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK io;
    UNICODE_STRING name;
    LARGE_INTEGER start = {.QuadPart = 0};
    CHAR back[8];
    HANDLE file;

    RtlInitUnicodeString(&name, L"\\??\\C:\\folder\\test.log");
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    check(NT_SUCCESS(ZwCreateFile(&file, GENERIC_WRITE, &attributes, &io, NULL, FILE_ATTRIBUTE_NORMAL, 0,
                                  FILE_OVERWRITE_IF, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0)),
          "create-file");
    check(NT_SUCCESS(ZwWriteFile(file, NULL, NULL, NULL, &io, "written", 7, NULL, NULL)) &&
              io.Information == 7,
          "write");
    check(NT_SUCCESS(ZwReadFile(file, NULL, NULL, NULL, &io, back, 7, &start, NULL)) &&
              !memcmp(back, "written", 7),
          "read");
    ZwClose(file);
    RtlInitUnicodeString(&name, L"\\??\\C:\\..\\..\\etc\\passwd");
    check(!NT_SUCCESS(ZwCreateFile(&file, GENERIC_READ, &attributes, &io, NULL, FILE_ATTRIBUTE_NORMAL, 0,
                                   FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0)),
          "no-file-outside");
}

typedef struct {
    ULONG flags, family, type, protocol;
    SIZE_T length;
    PWSTR name;
    ADDRESS *address;
} ADDRESS_INFO;

static VOID address_info(VOID)
{
    UNICODE_STRING node, service;
    ADDRESS_INFO *info = NULL;
    OP op;

    RtlInitUnicodeString(&node, L"192.0.2.7");
    RtlInitUnicodeString(&service, L"80");
    op_irp(&op);
    op.returned = ((NTSTATUS(NTAPI *)(PVOID, PUNICODE_STRING, PUNICODE_STRING, ULONG, PVOID, PVOID,
                                      ADDRESS_INFO **, PVOID, PVOID, PIRP))npi.slots[P_GET_ADDRESS_INFO])(
        npi.client, &node, &service, 0, NULL, NULL, &info, NULL, NULL, op.irp);
    check(NT_SUCCESS(op_finish(&op, op.returned)) && info && info->address->address[3] == 7 &&
              info->address->port == 0x5000,
          "address-info");
    if (info)
        ((VOID(NTAPI *)(PVOID, PVOID))npi.slots[P_FREE_ADDRESS_INFO])(npi.client, info);
}

static VOID name_info(VOID)
{
    ADDRESS address = {2, 0x5000, {192, 0, 2, 7}};
    WCHAR node_room[32], service_room[8];
    UNICODE_STRING node = {0, sizeof(node_room), node_room},
                   service = {0, sizeof(service_room), service_room}, wanted;
    OP op;

    op_irp(&op);
    op.returned = ((NTSTATUS(NTAPI *)(PVOID, ADDRESS *, ULONG, PUNICODE_STRING, PUNICODE_STRING, ULONG, PVOID,
                                      PVOID, PIRP))npi.slots[P_GET_NAME_INFO])(
        npi.client, &address, sizeof(address), &node, &service, 0, NULL, NULL, op.irp);
    check(NT_SUCCESS(op_finish(&op, op.returned)), "name-info");
    RtlInitUnicodeString(&wanted, L"192.0.2.7");
    check(RtlEqualUnicodeString(&node, &wanted, FALSE), "name-info-node");
    RtlInitUnicodeString(&wanted, L"80");
    check(RtlEqualUnicodeString(&service, &wanted, FALSE), "name-info-service");
}

static VOID messages(VOID)
{
    SOCKET *one = make_socket(DATAGRAM, NULL, NULL, NULL), *two = make_socket(DATAGRAM, NULL, NULL, NULL);
    static UCHAR data[SOME] = "message", got[SOME];
    struct {
        PVOID next;
        WSK_BUF buf;
    } list = {NULL, make_buf(data, 8)};
    WSK_BUF in = make_buf(got, SOME);
    ADDRESS to = loopback(base + 10);
    NTSTATUS(NTAPI * send)(SOCKET *, PVOID, ULONG, ADDRESS *, ULONG, PVOID, PIRP) =
        (NTSTATUS(NTAPI *)(SOCKET *, PVOID, ULONG, ADDRESS *, ULONG, PVOID, PIRP))two->slots[D_SEND_MESSAGES];
    OP op, receive;

    bind_socket(one, base + 10);
    bind_socket(two, base + 11);
    op_irp(&receive);
    receive.returned =
        CALL(one, D_RECEIVE_FROM, (SOCKET *, WSK_BUF *, ULONG, ADDRESS *, ULONG *, PVOID, ULONG *, PIRP))(
            one, &in, 0, NULL, NULL, NULL, NULL, receive.irp);
    op_irp(&op);
    check(NT_SUCCESS(op_finish(&op, send(two, &list, 0, &to, 0, NULL, op.irp))), "send-messages");
    check(NT_SUCCESS(op_end(&receive, receive.returned)) && receive.information == 8 && !memcmp(got, data, 8),
          "message-arrives");
    op_free(&receive);
    close_socket(one);
    close_socket(two);
    IoFreeMdl(list.buf.Mdl);
    IoFreeMdl(in.Mdl);
}

static VOID NTAPI on_work(PDEVICE_OBJECT device, PVOID context)
{
    (void)device;
    seen_level = get_irql();
    KeSetEvent(context, 0, FALSE);
}

static VOID work_items(VOID)
{
    PIO_WORKITEM item;
    PDEVICE_OBJECT device;

    if (!NT_SUCCESS(IoCreateDevice(own, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device)))
        return;
    item = IoAllocateWorkItem(device);
    seen_level = DISPATCH_LEVEL;
    IoQueueWorkItem(item, on_work, DelayedWorkQueue, &happened);
    check(happens(500) && seen_level == PASSIVE_LEVEL, "work-item");
    IoFreeWorkItem(item);
    IoDeleteDevice(device);
}

static VOID many_waits(VOID)
{
    LARGE_INTEGER soon = {.QuadPart = -10000ll * 20};
    KEVENT events[2];
    PVOID both[2] = {&events[0], &events[1]};

    KeInitializeEvent(&events[0], NotificationEvent, FALSE);
    KeInitializeEvent(&events[1], NotificationEvent, FALSE);
    check(KeWaitForMultipleObjects(2, both, WaitAny, Executive, KernelMode, FALSE, &soon, NULL) ==
              STATUS_TIMEOUT,
          "wait-for-any-times-out");
    KeSetEvent(&events[1], 0, FALSE);
    check(KeWaitForMultipleObjects(2, both, WaitAny, Executive, KernelMode, FALSE, &soon, NULL) ==
              STATUS_WAIT_1,
          "wait-for-any-names-which");
    check(KeWaitForMultipleObjects(2, both, WaitAll, Executive, KernelMode, FALSE, &soon, NULL) ==
              STATUS_TIMEOUT,
          "wait-for-all-wants-all");
    KeSetEvent(&events[0], 0, FALSE);
    check(KeWaitForMultipleObjects(2, both, WaitAll, Executive, KernelMode, FALSE, &soon, NULL) ==
              STATUS_SUCCESS,
          "wait-for-all");
}

static VOID lists(VOID)
{
    static DECLSPEC_ALIGN(16) SLIST_HEADER stack;
    static DECLSPEC_ALIGN(16) SLIST_ENTRY plates[2];
    LIST_ENTRY head, entries[2];
    KSPIN_LOCK lock = 0;

    InitializeListHead(&head);
    check(!ExInterlockedInsertTailList(&head, &entries[0], &lock) &&
              ExInterlockedInsertHeadList(&head, &entries[1], &lock) == &entries[0],
          "interlocked-insert");
    check(ExInterlockedRemoveHeadList(&head, &lock) == &entries[1] &&
              ExInterlockedRemoveHeadList(&head, &lock) == &entries[0] &&
              !ExInterlockedRemoveHeadList(&head, &lock),
          "interlocked-remove");
    memset(&stack, 0, sizeof(stack));
    ExpInterlockedPushEntrySList(&stack, &plates[0]);
    check(ExpInterlockedPushEntrySList(&stack, &plates[1]) == &plates[0] &&
              ExpInterlockedPopEntrySList(&stack) == &plates[1],
          "slist");
    check(ExpInterlockedFlushSList(&stack) == &plates[0] && !ExpInterlockedPopEntrySList(&stack),
          "slist-flush");
}

static VOID run(VOID)
{
    if (!lab_open("kernel"))
        return;
    dpcs_and_timers();
    locks();
    memory();
    strings();
    files();
    address_info();
    name_info();
    messages();
    work_items();
    many_waits();
    lists();
    lab_close();
}
