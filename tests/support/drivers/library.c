/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's library as ordinary drivers use it: formatted text, waits, times, pool.
 */
#include <stdarg.h>

#include "lab.h"

#define SECOND 10000000ll
#define TAG 'tseT'

static int(__cdecl *format_narrow)(char *, SIZE_T, const char *, ...);
static int(__cdecl *format_wide)(WCHAR *, SIZE_T, const WCHAR *, ...);

static PVOID find(PCWSTR name)
{
    UNICODE_STRING string;

    RtlInitUnicodeString(&string, name);
    return MmGetSystemRoutineAddress(&string);
}

static BOOLEAN same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static BOOLEAN same_wide(const WCHAR *a, const WCHAR *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

#define FORMATS(name, wanted, ...)                                                                           \
    {                                                                                                        \
        char text[128];                                                                                      \
        int length = format_narrow(text, sizeof(text), __VA_ARGS__);                                         \
        check(same(text, wanted) && length == (int)sizeof(wanted) - 1, name);                                \
    }

static VOID narrow(VOID)
{
    UNICODE_STRING counted;

    RtlInitUnicodeString(&counted, L"counted");
    FORMATS("width-from-argument", "|   42|", "|%*d|", 5, 42);
    FORMATS("negative-width-is-left", "|42   |", "|%*d|", -5, 42);
    FORMATS("precision-from-argument", "|abc|", "|%.*s|", 3, "abcdef");
    FORMATS("string-width", "|  ab|ab  |", "|%4s|%-4s|", "ab", "ab");
    FORMATS("pointer-size", "123456789abcdef0", "%Ix", 0x123456789abcdef0ull);
    FORMATS("32-of-64", "4294967295 -1", "%I32u %I32d", 0xffffffff, -1);
    FORMATS("64-bits", "-5 18446744073709551611", "%I64d %llu", -5ll, -5ll);
    FORMATS("half", "65535 -1", "%hu %hd", 0x1ffff, 0xffff);
    FORMATS("quarter", "255", "%hhu", 0xfff);
    FORMATS("long-has-32-bits", "4294967295", "%lu", 0xffffffffu);
    FORMATS("flags", "+0007 0xff", "%+05d %#x", 7, 0xff);
    FORMATS("wide-in-narrow", "wide wide w", "%ws %S %lc", L"wide", L"wide", L'w');
    FORMATS("counted-string", "[ counted]", "[%8wZ]", &counted);
    FORMATS("character-and-percent", "a%", "%c%%", 'a');
    FORMATS("null-string", "(null)", "%s", NULL);
    FORMATS("precision-of-numbers", "00042", "%.5d", 42);
}

static VOID long_text(VOID)
{
    static char text[2000], in[1001];
    int length;

    memset(in, 'x', 1000);
    length = format_narrow(text, sizeof(text), "%s!", in);
    check(length == 1001 && text[1000] == '!' && !text[1001], "longer-than-a-line");
    check(format_narrow(text, 4, "%s", "abcd") == 4, "just-fits");
    check(format_narrow(text, 4, "%s", "abcde") == -1, "does-not-fit");
}

static VOID wide(VOID)
{
    WCHAR text[64];

    format_wide(text, 64, L"%s %hs %d", L"wide", "narrow", 7);
    check(same_wide(text, L"wide narrow 7"), "wide-format");
}

static LONG64 now(VOID)
{
    VOID(NTAPI * time)(PLARGE_INTEGER) = find(L"KeQuerySystemTimePrecise");
    LARGE_INTEGER value;

    time(&value);
    return value.QuadPart;
}

static VOID delays(VOID)
{
    LARGE_INTEGER due;
    LONG64 before = now();

    due.QuadPart = before + SECOND / 5;
    KeDelayExecutionThread(KernelMode, FALSE, &due);
    check(now() >= due.QuadPart, "delay-until-a-moment");
    before = now();
    due.QuadPart = before - SECOND;
    KeDelayExecutionThread(KernelMode, FALSE, &due);
    check(now() - before < 5 * SECOND, "delay-until-the-past");
}

static VOID waits(VOID)
{
    KEVENT one, other;
    KSEMAPHORE semaphore;
    PVOID objects[3] = {&one, &semaphore, &other};
    LARGE_INTEGER soon;
    NTSTATUS status;

    soon.QuadPart = -SECOND / 50;
    KeInitializeEvent(&one, SynchronizationEvent, TRUE);
    KeInitializeEvent(&other, SynchronizationEvent, FALSE);
    KeInitializeSemaphore(&semaphore, 1, 2);
    status = KeWaitForMultipleObjects(3, objects, WaitAll, Executive, KernelMode, FALSE, &soon, NULL);
    check(status == STATUS_TIMEOUT, "wait-for-all-times-out");
    check(KeReadStateEvent(&one) && KeReadStateSemaphore(&semaphore) == 1, "time-out-takes-nothing");
    KeSetEvent(&other, 0, FALSE);
    status = KeWaitForMultipleObjects(3, objects, WaitAll, Executive, KernelMode, FALSE, &soon, NULL);
    check(status == STATUS_SUCCESS, "wait-for-all");
    check(!KeReadStateEvent(&one) && !KeReadStateEvent(&other) && !KeReadStateSemaphore(&semaphore),
          "wait-for-all-takes-all");
}

static VOID pool(VOID)
{
    static const SIZE_T sizes[] = {~(SIZE_T)0, ~(SIZE_T)0 - 8, ~(SIZE_T)0 - 64, (SIZE_T)1 << 63,
                                   (SIZE_T)1 << 40};
    BOOLEAN refused = TRUE;
    int i;

    for (i = 0; i < 5; i++)
        refused = refused && !ExAllocatePoolWithTag(NonPagedPoolNx, sizes[i], TAG);
    check(refused, "no-pool-of-such-sizes");
}

/* Windows' stacks have 24 KB. */
static __attribute__((noinline)) VOID deep(const char *name)
{
    volatile UCHAR room[20 << 10];
    ULONG i, sum = 0;

    for (i = 0; i < sizeof(room); i++)
        room[i] = (UCHAR)i;
    pause_ms(1);
    for (i = 0; i < sizeof(room); i++)
        sum += room[i];
    check(sum == 80 * 32640, name);
}

static VOID NTAPI deep_thread(PVOID done)
{
    deep("stack-of-a-thread");
    KeSetEvent(done, 0, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID stacks(VOID)
{
    KEVENT done;
    HANDLE thread;

    deep("stack-of-driver-entry");
    KeInitializeEvent(&done, NotificationEvent, FALSE);
    PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, deep_thread, &done);
    KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
    ZwWaitForSingleObject(thread, FALSE, NULL);
    ZwClose(thread);
}

/* An option of TCP's; the status. */
static NTSTATUS tcp_option(SOCKET *socket, ULONG request, ULONG code, ULONG *value)
{
    OP op;

    op_irp(&op);
    return op_finish(&op, CALL(socket, CONTROL,
                               (SOCKET *, ULONG, ULONG, ULONG, SIZE_T, PVOID, SIZE_T, PVOID, SIZE_T *, PIRP))(
                              socket, request, code, 6, request ? 0 : sizeof(*value), request ? NULL : value,
                              request ? sizeof(*value) : 0, request ? value : NULL, NULL, op.irp));
}

static VOID keep_alive(VOID)
{
    static const ULONG codes[] = {3, 16, 17}; /* TCP_KEEPIDLE, TCP_KEEPCNT, TCP_KEEPINTVL */
    SOCKET *socket = make_socket(CONNECTION, NULL, NULL, NULL);
    BOOLEAN good = socket != NULL;
    ULONG i, value;

    for (i = 0; i < 3 && good; i++) {
        value = 20 + i;
        good = NT_SUCCESS(tcp_option(socket, 0, codes[i], &value));
        value = 0;
        good = good && NT_SUCCESS(tcp_option(socket, 1, codes[i], &value)) && value == 20 + i;
    }
    check(good, "keep-alive");
    close_socket(socket);
}

static VOID run(VOID)
{
    lab_open("library");
    keep_alive();
    stacks();
    format_narrow = find(L"_snprintf");
    format_wide = find(L"_snwprintf");
    narrow();
    long_text();
    if (format_wide)
        wide();
    delays();
    waits();
    pool();
    lab_close();
}
