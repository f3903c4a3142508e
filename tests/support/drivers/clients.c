/* SPDX-License-Identifier: Apache-2.0
 *
 * What larger WSK clients import: tables, lookaside lists, timers, their service key, files, strings, times.
 */
#include "lab.h"

/* ---- RTL_AVL_TABLE of numbers ---- */

typedef struct {
    PVOID links[3];
    ULONG_PTR rest, ordered[2], depth;
    PVOID restart;
    ULONG_PTR deletions;
    PVOID routines[3], context;
} TABLE;

static LONG elements; /* that are allocated */

static ULONG NTAPI compare(TABLE *table, ULONG *one, ULONG *other)
{
    (void)table;
    return *one < *other ? 0 : *one > *other ? 1 : 2;
}

static PVOID NTAPI allocate_element(TABLE *table, ULONG size)
{
    (void)table;
    elements++;
    return ExAllocatePoolWithTag(NonPagedPoolNx, size, 'tseT');
}

static VOID NTAPI free_element(TABLE *table, PVOID element)
{
    (void)table;
    elements--;
    ExFreePoolWithTag(element, 'tseT');
}

static VOID tables(VOID)
{
    FIND(VOID, RtlInitializeGenericTableAvl, TABLE *, PVOID, PVOID, PVOID, PVOID);
    FIND(ULONG *, RtlInsertElementGenericTableAvl, TABLE *, PVOID, ULONG, BOOLEAN *);
    FIND(ULONG *, RtlLookupElementGenericTableAvl, TABLE *, PVOID);
    FIND(BOOLEAN, RtlDeleteElementGenericTableAvl, TABLE *, PVOID);
    FIND(ULONG *, RtlEnumerateGenericTableAvl, TABLE *, BOOLEAN);
    FIND(ULONG *, RtlGetElementGenericTableAvl, TABLE *, ULONG);
    FIND(ULONG, RtlNumberGenericTableElementsAvl, TABLE *);
    static const ULONG numbers[] = {50, 20, 90, 20, 10, 70};
    BOOLEAN is_new, sorted = TRUE;
    ULONG i, last = 0, *element;
    TABLE table;

    RtlInitializeGenericTableAvl(&table, compare, allocate_element, free_element, NULL);
    for (i = 0; i < 6; i++) {
        element = RtlInsertElementGenericTableAvl(&table, (PVOID)&numbers[i], sizeof(ULONG), &is_new);
        sorted = sorted && *element == numbers[i] && is_new == (i != 3);
    }
    check(sorted && RtlNumberGenericTableElementsAvl(&table) == 5 && elements == 5,
          "avl-takes-each-element-once");
    for (element = RtlEnumerateGenericTableAvl(&table, TRUE); element;
         element = RtlEnumerateGenericTableAvl(&table, FALSE)) {
        sorted = sorted && *element > last;
        last = *element;
    }
    check(sorted && last == 90, "avl-enumerates-in-order");
    i = 70;
    check(*RtlLookupElementGenericTableAvl(&table, &i) == 70 &&
              *RtlGetElementGenericTableAvl(&table, 2) == 50,
          "avl-finds");
    check(RtlDeleteElementGenericTableAvl(&table, &i) && !RtlLookupElementGenericTableAvl(&table, &i) &&
              !RtlDeleteElementGenericTableAvl(&table, &i),
          "avl-deletes");
    while ((element = RtlGetElementGenericTableAvl(&table, 0)))
        RtlDeleteElementGenericTableAvl(&table, element);
    check(elements == 0, "avl-frees-all");
}

/* ---- LOOKASIDE_LIST_EX, used as the headers' inline functions do ---- */

typedef struct DECLSPEC_ALIGN(16) {
    SLIST_HEADER head;
    USHORT depth, most;
    ULONG counts[4], type, tag, size;
    PVOID(NTAPI *allocate)(ULONG, SIZE_T, ULONG, PVOID);
    VOID(NTAPI *free)(PVOID, PVOID);
    ULONG_PTR rest[8];
} LOOKASIDE;

static VOID lookaside(VOID)
{
    FIND(NTSTATUS, ExInitializeLookasideListEx, LOOKASIDE *, PVOID, PVOID, ULONG, ULONG, SIZE_T, ULONG,
         USHORT);
    FIND(VOID, ExDeleteLookasideListEx, LOOKASIDE *);
    FIND(PVOID, ExpInterlockedPushEntrySList, PVOID, PVOID);
    static LOOKASIDE list;
    PVOID memory;

    check(NT_SUCCESS(ExInitializeLookasideListEx(&list, NULL, NULL, 512, 0, SOME, 'tseT', 0)),
          "lookaside-ex");
    memory = list.allocate(list.type, list.size, list.tag, &list);
    check(memory && list.size == SOME && list.tag == 'tseT' && list.type == 512, "lookaside-ex-allocates");
    ExpInterlockedPushEntrySList(&list.head, memory);
    ExDeleteLookasideListEx(&list); /* what it keeps is freed: nothing may be left at the unload */
}

/* ---- EX_TIMER ---- */

static KEVENT fired;

static VOID NTAPI fire(PVOID timer, PVOID context)
{
    (void)timer;
    InterlockedIncrement(context);
    KeSetEvent(&fired, 0, FALSE);
}

static VOID timers(VOID)
{
    FIND(PVOID, ExAllocateTimer, PVOID, PVOID, ULONG);
    FIND(BOOLEAN, ExSetTimer, PVOID, LONGLONG, LONGLONG, PVOID);
    FIND(BOOLEAN, ExCancelTimer, PVOID, PVOID);
    FIND(BOOLEAN, ExDeleteTimer, PVOID, BOOLEAN, BOOLEAN, PVOID);
    volatile LONG times = 0;
    PVOID timer, other;
    LONG i, before;

    KeInitializeEvent(&fired, SynchronizationEvent, FALSE);
    timer = ExAllocateTimer(fire, (PVOID)&times, 0);
    other = ExAllocateTimer(fire, (PVOID)&times, 0);
    ExSetTimer(timer, -10000, 10 * 10000, NULL);
    for (i = 0; i < 3; i++)
        KeWaitForSingleObject(&fired, Executive, KernelMode, FALSE, NULL);
    check(times >= 3, "ex-timer-fires-again-and-again");
    check(ExDeleteTimer(timer, TRUE, TRUE, NULL), "ex-timer-was-set");
    before = times;
    check(!ExSetTimer(other, -10000000000ll, 0, NULL) && ExCancelTimer(other, NULL), "ex-timer-is-cancelled");
    check(!ExDeleteTimer(other, TRUE, FALSE, NULL) && times == before, "ex-timer-is-over");
}

/* ---- The service key, and a file ---- */

static VOID keys(VOID)
{
    FIND(NTSTATUS, ZwOpenKey, PHANDLE, ULONG, POBJECT_ATTRIBUTES);
    FIND(NTSTATUS, ZwQueryValueKey, HANDLE, PUNICODE_STRING, ULONG, PVOID, ULONG, ULONG *);
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"Port");
    OBJECT_ATTRIBUTES attributes;
    UCHAR value[SOME];
    ULONG needed;
    HANDLE key;

    InitializeObjectAttributes(&attributes, own_key, OBJ_KERNEL_HANDLE, NULL, NULL);
    check(NT_SUCCESS(ZwOpenKey(&key, KEY_READ, &attributes)), "service-key");
    check(ZwQueryValueKey(key, &name, 2, value, sizeof(value), &needed) == STATUS_OBJECT_NAME_NOT_FOUND,
          "service-key-has-no-values");
    ZwClose(key);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    check(ZwOpenKey(&key, KEY_READ, &attributes) == STATUS_OBJECT_NAME_NOT_FOUND, "no-other-key");
}

static NTSTATUS NTAPI told(PWSTR name, ULONG type, PVOID data, ULONG length, PVOID context, PVOID entry)
{
    (void)name, (void)context;
    *(ULONG *)entry = type == 4 && length == 4 ? *(ULONG *)data : 0;
    return STATUS_SUCCESS;
}

static VOID settings(VOID)
{
    FIND(NTSTATUS, RtlQueryRegistryValues, ULONG, PCWSTR, PRTL_QUERY_REGISTRY_TABLE, PVOID, PVOID);
    ULONG port = 7, given = 0, preset = 80;
    UNICODE_STRING host = {0, 0, NULL}, wanted = RTL_CONSTANT_STRING(L"peer");
    RTL_QUERY_REGISTRY_TABLE table[] = {
        {NULL, RTL_QUERY_REGISTRY_DIRECT, (PWSTR)L"Port", &port, 4, &preset, sizeof(preset)},
        {NULL, RTL_QUERY_REGISTRY_DIRECT, (PWSTR)L"Host", &host, 1, (PVOID)L"peer", 0},
        {told, 0, (PWSTR)L"Limit", &given, 4, &preset, sizeof(preset)},
        {NULL, 0, NULL, NULL, 0, NULL, 0}};

    check(NT_SUCCESS(RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, own_key->Buffer, table, NULL, NULL)) &&
              port == 80 && given == 80 && RtlEqualUnicodeString(&host, &wanted, FALSE),
          "settings-that-are-not-there-are-the-drivers-own");
    RtlFreeUnicodeString(&host);
    table[0].Flags |= RTL_QUERY_REGISTRY_REQUIRED;
    check(RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, own_key->Buffer, table, NULL, NULL) ==
              STATUS_OBJECT_NAME_NOT_FOUND,
          "a-setting-that-is-required");
}

static VOID files(VOID)
{
    FIND(NTSTATUS, ZwOpenFile, PHANDLE, ULONG, POBJECT_ATTRIBUTES, PIO_STATUS_BLOCK, ULONG, ULONG);
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\??\\C:\\clients\\none.txt");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK status;
    HANDLE file;

    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    check(ZwOpenFile(&file, GENERIC_READ, &attributes, &status, 0, 0) == STATUS_OBJECT_NAME_NOT_FOUND,
          "a-file-that-is-not-there");
}

/* ---- Text and times ---- */

static int NTAPI by_byte(const void *one, const void *other)
{
    return *(const UCHAR *)one - *(const UCHAR *)other;
}

static VOID text(VOID)
{
    FIND(int, strcpy_s, CHAR *, SIZE_T, const CHAR *);
    FIND(int, strncpy_s, CHAR *, SIZE_T, const CHAR *, SIZE_T);
    FIND(WCHAR *, wcsstr, const WCHAR *, const WCHAR *);
    FIND(VOID, qsort, PVOID, SIZE_T, SIZE_T, PVOID);
    FIND(PVOID, bsearch, const void *, const void *, SIZE_T, SIZE_T, PVOID);
    FIND(int, atoi, const CHAR *);
    FIND(NTSTATUS, RtlIpv4AddressToStringExW, const UCHAR *, USHORT, WCHAR *, ULONG *);
    FIND(NTSTATUS, RtlIpv6AddressToStringExW, const UCHAR *, ULONG, USHORT, WCHAR *, ULONG *);
    FIND(BOOLEAN, RtlPrefixUnicodeString, PUNICODE_STRING, PUNICODE_STRING, BOOLEAN);
    static const UCHAR v4[4] = {192, 0, 2, 17}, v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    static const WCHAR v4_text[] = L"192.0.2.17:80", v6_text[] = L"[2001:db8::1%3]:80";
    UNICODE_STRING device = RTL_CONSTANT_STRING(L"\\device"), whole = RTL_CONSTANT_STRING(L"\\Device\\Tcp");
    ULONG length = SOME;
    CHAR narrow[8];
    WCHAR wide[SOME];

    check(strcpy_s(narrow, sizeof(narrow), "12345678") && !narrow[0], "no-room-empties");
    check(strncpy_s(narrow, sizeof(narrow), "12345678", (SIZE_T)-1) == 80 && !memcmp(narrow, "1234567", 8),
          "truncated");
    memcpy(narrow, "gacbfed", 8);
    qsort(narrow, 7, 1, by_byte);
    check(!memcmp(narrow, "abcdefg", 8) && bsearch("e", narrow, 7, 1, by_byte) == narrow + 4 &&
              !bsearch("x", narrow, 7, 1, by_byte),
          "sorted-and-found");
    check(atoi(" -42 rest") == -42 && atoi("+7") == 7, "atoi");
    check(wcsstr(v4_text, L"17:") == v4_text + 8 && !wcsstr(v4_text, L"18"), "wcsstr");
    check(NT_SUCCESS(RtlIpv4AddressToStringExW(v4, 80 << 8, wide, &length)) && length == 14 &&
              !memcmp(wide, v4_text, sizeof(v4_text)),
          "ipv4-with-port");
    check(!NT_SUCCESS(RtlIpv6AddressToStringExW(v6, 3, 80 << 8, wide, &length)) && length == 19,
          "ipv6-says-how-long-it-is");
    check(NT_SUCCESS(RtlIpv6AddressToStringExW(v6, 3, 80 << 8, wide, &length)) &&
              !memcmp(wide, v6_text, sizeof(v6_text)),
          "ipv6-with-port");
    check(RtlPrefixUnicodeString(&device, &whole, TRUE) && !RtlPrefixUnicodeString(&device, &whole, FALSE),
          "prefix");
}

static VOID times(VOID)
{
    FIND(VOID, RtlTimeToTimeFields, LONGLONG *, SHORT *);
    FIND(BOOLEAN, RtlTimeFieldsToTime, SHORT *, LONGLONG *);
    static const SHORT birthday[8] = {2000, 2, 29, 12, 34, 56, 789, 2}; /* a Tuesday */
    LONGLONG time = 125963012967890000ll, back;
    SHORT fields[8];

    RtlTimeToTimeFields(&time, fields);
    check(!memcmp(fields, birthday, sizeof(fields)), "time-to-fields");
    check(RtlTimeFieldsToTime(fields, &back) && back == time, "fields-to-time");
}

static VOID others(VOID)
{
    static const PCWSTR names[] = {L"ExAcquireFastMutexUnsafe",
                                   L"ExEnterCriticalRegionAndAcquireResourceExclusive",
                                   L"ExGetPreviousMode",
                                   L"ExUuidCreate",
                                   L"KeEnterGuardedRegion",
                                   L"KeGetProcessorIndexFromNumber",
                                   L"KeQueryMaximumProcessorCountEx",
                                   L"MmLockPagableDataSection",
                                   L"MmSizeOfMdl",
                                   L"ObReferenceObjectByPointer",
                                   L"PsInitialSystemProcess",
                                   L"RtlInitUnicodeStringEx",
                                   L"RtlRandomEx",
                                   L"ZwEnumerateKey",
                                   L"memcpy_s",
                                   L"wcscat_s"};
    ULONG i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++)
        import(names[i]);
}

static VOID run(VOID)
{
    suite = "clients";
    tables();
    lookaside();
    timers();
    keys();
    settings();
    files();
    text();
    times();
    others();
    check(found_all, "all-names-are-known");
    DbgPrintEx(0, 0, "%s: end\n", suite);
}
