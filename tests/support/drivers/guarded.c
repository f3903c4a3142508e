/* SPDX-License-Identifier: Apache-2.0
 *
 * Exceptions in a driver that guards itself: who handles them, what is left on the way, and what is kept.
 */
#include "lab.h"

#include "guarded.h"

#define STATUS_OF_OURS ((NTSTATUS)0xe0000042)
#define USER_ADDRESS 0x10000

static struct {
    ULONG code, flags, count;
    ULONG_PTR address, information[2];
} seen;

static LONG NTAPI handle(PEXCEPTION_POINTERS pointers)
{
    PEXCEPTION_RECORD record = pointers->ExceptionRecord;

    seen.code = record->ExceptionCode;
    seen.flags = record->ExceptionFlags;
    seen.count = record->NumberParameters;
    seen.address = (ULONG_PTR)record->ExceptionAddress;
    seen.information[0] = record->ExceptionInformation[0];
    seen.information[1] = record->ExceptionInformation[1];
    return EXCEPTION_EXECUTE_HANDLER;
}

static LONG NTAPI decline(PEXCEPTION_POINTERS pointers)
{
    (void)pointers;
    return EXCEPTION_CONTINUE_SEARCH;
}

static BOOLEAN inside(ULONG_PTR address)
{
    return address - (ULONG_PTR)own->DriverStart < own->DriverSize;
}

/* ---- What raises ---- */

static ULONG NTAPI fine(PVOID argument)
{
    return (ULONG)(ULONG_PTR)argument;
}

static ULONG NTAPI write_there(PVOID argument)
{
    *(volatile char *)argument = 0;
    return 0;
}

static ULONG NTAPI call_there(PVOID argument)
{
    return ((ULONG(NTAPI *)(VOID))argument)();
}

static ULONG NTAPI raise_ours(PVOID argument)
{
    (void)argument;
    ExRaiseStatus(STATUS_OF_OURS);
    return 0;
}

static ULONG NTAPI probe_there(PVOID argument)
{
    ProbeForRead(argument, 4, 4);
    return 0;
}

static ULONG NTAPI probe_to_write_there(PVOID argument)
{
    ProbeForWrite(argument, 4, 4);
    return 0;
}

static UCHAR buffer[SOME];

static ULONG NTAPI copy_from_there(PVOID argument)
{
    memcpy(buffer, argument, sizeof(buffer));
    return 0;
}

static volatile int some = 7, none;

static ULONG NTAPI divide(PVOID argument)
{
    (void)argument;
    return some / none;
}

#define INSTRUCTION(name, code)                                                                              \
    static ULONG NTAPI name(PVOID argument)                                                                  \
    {                                                                                                        \
        (void)argument;                                                                                      \
        asm volatile(code);                                                                                  \
        return 0;                                                                                            \
    }

INSTRUCTION(breakpoint, "int3")
INSTRUCTION(assertion, "int $0x2c")
INSTRUCTION(undefined, "ud2")
INSTRUCTION(not_canonical, "mov $0x1234567812345678, %%rax; mov (%%rax), %%rax" : : : "rax")

/* ---- One after the other ---- */

static VOID kinds(VOID)
{
    check(try_except(fine, (PVOID)5, handle) == 5, "nothing-happens");
    check(try_except(write_there, NULL, handle) == (ULONG)STATUS_ACCESS_VIOLATION && seen.count == 2 &&
              seen.information[0] == 1 && seen.information[1] == 0 && inside(seen.address),
          "write-to-null");
    check(try_except(write_there, (PVOID)USER_ADDRESS, handle) == (ULONG)STATUS_ACCESS_VIOLATION &&
              seen.information[1] == USER_ADDRESS,
          "write-to-a-programs-address");
    check(try_except(call_there, NULL, handle) == (ULONG)STATUS_ACCESS_VIOLATION &&
              seen.information[0] == 8 && seen.address == 0,
          "call-of-null");
    check(try_except(copy_from_there, (PVOID)USER_ADDRESS, handle) == (ULONG)STATUS_ACCESS_VIOLATION,
          "copy-from-a-programs-address");
    check(try_except(raise_ours, NULL, handle) == (ULONG)STATUS_OF_OURS && inside(seen.address) &&
              seen.flags & EXCEPTION_NONCONTINUABLE,
          "raised-status");
    check(try_except(probe_there, buffer, handle) == (ULONG)STATUS_ACCESS_VIOLATION, "probe-of-the-kernels");
    check(try_except(probe_to_write_there, buffer, handle) == (ULONG)STATUS_ACCESS_VIOLATION,
          "probe-to-write-the-kernels");
    check(try_except(probe_there, (PVOID)(USER_ADDRESS + 1), handle) == (ULONG)STATUS_DATATYPE_MISALIGNMENT,
          "probe-of-what-is-misaligned");
    check(try_except(divide, NULL, handle) == (ULONG)STATUS_INTEGER_DIVIDE_BY_ZERO, "division");
    check(try_except(breakpoint, NULL, handle) == (ULONG)STATUS_BREAKPOINT, "breakpoint");
    check(try_except(assertion, NULL, handle) == (ULONG)STATUS_ASSERTION_FAILURE, "assertion");
    check(try_except(undefined, NULL, handle) == (ULONG)STATUS_ILLEGAL_INSTRUCTION, "undefined-instruction");
    check(try_except(not_canonical, NULL, handle) == (ULONG)STATUS_ACCESS_VIOLATION &&
              seen.information[1] == ~(ULONG_PTR)0,
          "address-that-is-not-canonical");
}

static ULONG NTAPI spoil_and_fault(PVOID argument)
{
    return spoil_registers(write_there, argument);
}

static ULONG NTAPI spoil_and_raise(PVOID argument)
{
    return spoil_registers(raise_ours, argument);
}

static ULONG NTAPI spoil_and_copy(PVOID argument)
{
    return spoil_registers(copy_from_there, argument);
}

static ULONG NTAPI fault_behind_a_frame_pointer(PVOID argument)
{
    return with_frame_pointer(spoil_and_fault, argument);
}

static VOID registers(VOID)
{
    check(registers_are_kept(spoil_and_fault, NULL), "registers-over-a-fault");
    check(registers_are_kept(spoil_and_raise, NULL), "registers-over-a-raise");
    check(registers_are_kept(spoil_and_copy, (PVOID)USER_ADDRESS),
          "registers-over-a-function-of-the-kernels");
    check(registers_are_kept(fault_behind_a_frame_pointer, NULL), "registers-over-a-frame-pointer");
}

/* ---- Guards within guards ---- */

static LONG endings, abnormal_endings;

static VOID NTAPI ending(BOOLEAN abnormal)
{
    endings++;
    abnormal_endings += abnormal;
}

static ULONG NTAPI fault_in_final(PVOID argument)
{
    return try_finally(spoil_and_fault, argument, ending);
}

static ULONG NTAPI fault_in_two_finals(PVOID argument)
{
    return try_finally(fault_in_final, argument, ending);
}

static ULONG NTAPI fault_where_nobody_cares(PVOID argument)
{
    return try_except(fault_in_two_finals, argument, decline);
}

static ULONG NTAPI fine_in_final(PVOID argument)
{
    return try_finally(fine, argument, ending);
}

static VOID NTAPI ending_that_raises(BOOLEAN abnormal)
{
    ending(abnormal);
    ExRaiseStatus(STATUS_OF_OURS);
}

static ULONG NTAPI fault_in_a_final_that_raises(PVOID argument)
{
    return try_finally(fault_in_final, argument, ending_that_raises);
}

static LONG NTAPI filter_that_guards_itself(PEXCEPTION_POINTERS pointers)
{
    return try_except(divide, NULL, handle) == (ULONG)STATUS_INTEGER_DIVIDE_BY_ZERO
               ? handle(pointers)
               : EXCEPTION_CONTINUE_SEARCH;
}

static LONG NTAPI step_over(PEXCEPTION_POINTERS pointers)
{
    pointers->ContextRecord->Rip++;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static ULONG NTAPI breakpoint_in_between(PVOID argument)
{
    ULONG one = (ULONG)(ULONG_PTR)argument;

    asm volatile("int3" : "+r"(one));
    return one + 1;
}

static ULONG NTAPI handle_inside(PVOID argument)
{
    return try_except(write_there, argument, handle) == (ULONG)STATUS_ACCESS_VIOLATION ? raise_ours(NULL) : 0;
}

static BOOLEAN ended(LONG all, LONG abnormal)
{
    BOOLEAN right = endings == all && abnormal_endings == abnormal;

    endings = abnormal_endings = 0;
    return right;
}

static VOID nested(VOID)
{
    check(try_except(fault_where_nobody_cares, NULL, handle) == (ULONG)STATUS_ACCESS_VIOLATION,
          "a-filter-that-declines");
    check(ended(2, 2), "each-final-block-once");
    check(try_except(fine_in_final, (PVOID)3, handle) == 3 && ended(1, 0), "final-block-at-a-normal-end");
    check(try_leave(fine, NULL, ending) == LEFT && ended(1, 1), "return-out-of-a-guarded-block");
    check(try_except(fault_in_a_final_that_raises, NULL, handle) == (ULONG)STATUS_OF_OURS && ended(2, 2),
          "exception-in-a-final-block");
    check(try_except(write_there, NULL, filter_that_guards_itself) == (ULONG)STATUS_ACCESS_VIOLATION,
          "exception-in-a-filter");
    check(try_except(breakpoint_in_between, (PVOID)1, step_over) == 2, "execution-goes-on");
    check(try_except(handle_inside, NULL, handle) == (ULONG)STATUS_OF_OURS, "one-after-the-other");
}

static VOID at_dispatch(VOID)
{
    KIRQL old = raise_irql(DISPATCH_LEVEL);
    ULONG code = try_except(raise_ours, NULL, handle);
    ULONG other = try_except(divide, NULL, handle);
    BOOLEAN raised = get_irql() == DISPATCH_LEVEL;

    lower_irql(old);
    check(code == (ULONG)STATUS_OF_OURS && other == (ULONG)STATUS_INTEGER_DIVIDE_BY_ZERO && raised,
          "at-dispatch-level");
}

/* ---- Through the kernel ---- */

static PDEVICE_OBJECT device;

static NTSTATUS NTAPI dispatch(PDEVICE_OBJECT to, PIRP irp)
{
    (void)to, (void)irp;
    return raise_ours(NULL);
}

static ULONG NTAPI call_device(PVOID irp)
{
    IoGetNextIrpStackLocation((PIRP)irp)->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    return IoCallDriver(device, irp);
}

static VOID through_the_kernel(VOID)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    own->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = dispatch;
    IoCreateDevice(own, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    check(try_except(call_device, irp, handle) == (ULONG)STATUS_OF_OURS, "from-a-driver-that-was-called");
    IoDeleteDevice(device);
    IoFreeIrp(irp);
}

/* ---- The functions that it is all made of ---- */

static ULONG NTAPI raise_record(PVOID argument)
{
    FIND(VOID, RtlRaiseException, PEXCEPTION_RECORD);

    RtlRaiseException(argument);
    return 9;
}

static VOID functions(VOID)
{
    FIND(PVOID, RtlLookupFunctionEntry, ULONG_PTR, ULONG_PTR *, PVOID);
    FIND(PVOID, RtlPcToFileHeader, PVOID, PVOID *);
    FIND(VOID, RtlCaptureContext, PCONTEXT);
    FIND(PVOID, RtlVirtualUnwind, ULONG, ULONG_PTR, ULONG_PTR, PVOID, PCONTEXT, PVOID *, ULONG_PTR *, PVOID);
    EXCEPTION_RECORD record = {STATUS_OF_OURS, 0, NULL, NULL, 1, {42}};
    CONTEXT *context = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*context), 'txtC');
    ULONG_PTR base = 0, frame = 0;
    PVOID header = NULL, data = NULL, function;

    check(try_except(raise_record, &record, handle) == (ULONG)STATUS_OF_OURS && seen.information[0] == 42,
          "raised-record");
    function = RtlLookupFunctionEntry((ULONG_PTR)functions, &base, NULL);
    check(function && base == (ULONG_PTR)own->DriverStart, "function-is-found");
    check(RtlPcToFileHeader(functions, &header) == own->DriverStart && header == own->DriverStart,
          "image-is-found");
    RtlCaptureContext(context);
    function = RtlLookupFunctionEntry(context->Rip, &base, NULL);
    RtlVirtualUnwind(0, base, context->Rip, function, context, &data, &frame, NULL);
    check(context->Rip == (ULONG_PTR)__builtin_return_address(0), "frame-is-undone");
    ExFreePoolWithTag(context, 'txtC');
}

static VOID run(VOID)
{
    if (!lab_open("guarded"))
        return;
    kinds();
    registers();
    nested();
    at_dispatch();
    through_the_kernel();
    functions();
    check(found_all, "every-function-is-there");
    lab_close();
}
