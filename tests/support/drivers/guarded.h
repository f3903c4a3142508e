/* SPDX-License-Identifier: Apache-2.0
 *
 * __try, __except and __finally for a compiler that has none: functions whose tables are what Microsoft's compiler
 * makes of those words.
 */
#ifndef GUARDED_H
#define GUARDED_H

#include <ntifs.h>

typedef ULONG(NTAPI *BODY)(PVOID argument);
typedef LONG(NTAPI *FILTER)(PEXCEPTION_POINTERS pointers);
typedef VOID(NTAPI *ENDING)(BOOLEAN abnormal);

#define LEFT 77

/* __try { value = body(argument); } __except (filter(pointers)) { value = the exception's code; } */
ULONG NTAPI try_except(BODY body, PVOID argument, FILTER filter);
/* __try { value = body(argument); } __finally { ending(abnormal); } */
ULONG NTAPI try_finally(BODY body, PVOID argument, ENDING ending);
/* __try { __try { body(argument); return LEFT; } __finally { ending(abnormal); } } __except (1) { value = 0; } */
ULONG NTAPI try_leave(BODY body, PVOID argument, ENDING ending);
/* Puts something else into every register that a function keeps for its caller, and calls body. */
ULONG NTAPI spoil_registers(BODY body, PVOID argument);
/* As try_except with a filter that takes all; 1 when every register that is kept is as it was. */
ULONG NTAPI registers_are_kept(BODY body, PVOID argument);
/* Calls body with a frame pointer and a stack that has grown. */
ULONG NTAPI with_frame_pointer(BODY body, PVOID argument);

#define BEGIN(name)                                                                                          \
    ".globl " #name "\n.def " #name "; .scl 2; .type 32; .endef\n.seh_proc " #name "\n" #name ":\n"
#define GUARD_FRAME                                                                                          \
    "   push %rbx\n .seh_pushreg %rbx\n"                                                                     \
    "   sub $0x30, %rsp\n .seh_stackalloc 0x30\n"                                                            \
    ".seh_endprologue\n"                                                                                     \
    "   mov %r8, 0x28(%rsp)\n"                                                                               \
    "   mov %rcx, %rax\n"                                                                                    \
    "   mov %rdx, %rcx\n"
#define LEAVE "   add $0x30, %rsp\n   pop %rbx\n   ret\n"

/* What the handler of a guarded function is called with as its frame is where its stack pointer is. */
asm(".text\n" BEGIN(try_except) GUARD_FRAME "try_1: call *%rax\n"
                                            "   nop\n"
                                            "try_2:\n" LEAVE "try_3:\n" LEAVE
                                            ".seh_handler __C_specific_handler, @except, @unwind\n"
                                            ".seh_handlerdata\n"
                                            ".long 1\n"
                                            ".rva try_1, try_2, try_filter, try_3\n"
                                            ".text\n"
                                            ".seh_endproc\n"
                                            "try_filter: mov 0x28(%rdx), %rax\n"
                                            "   jmp *%rax\n"

    BEGIN(try_finally) GUARD_FRAME
    "final_1: call *%rax\n"
    "   nop\n"
    "final_2: mov %rax, %rbx\n"
    "   xor %ecx, %ecx\n"
    "   call *0x28(%rsp)\n"
    "   mov %rbx, %rax\n" LEAVE ".seh_handler __C_specific_handler, @except, @unwind\n"
    ".seh_handlerdata\n"
    ".long 1\n"
    ".rva final_1, final_2, final_block\n"
    ".long 0\n"
    ".text\n"
    ".seh_endproc\n" BEGIN(final_block) "   sub $0x28, %rsp\n .seh_stackalloc 0x28\n"
                                        ".seh_endprologue\n"
                                        "   mov 0x28(%rdx), %rax\n"
                                        "   call *%rax\n"
                                        "   nop\n"
                                        "   add $0x28, %rsp\n"
                                        "   ret\n"
                                        ".seh_endproc\n"

    BEGIN(try_leave) GUARD_FRAME "leave_1: call *%rax\n"
                                 "   mov %rsp, %rcx\n"
                                 "   lea leave_3(%rip), %rdx\n"
                                 "   call _local_unwind\n"
                                 "   nop\n"
                                 "leave_2: nop\n"
                                 "leave_3: mov $77, %eax\n" LEAVE "leave_4: xor %eax, %eax\n" LEAVE
                                 ".seh_handler __C_specific_handler, @except, @unwind\n"
                                 ".seh_handlerdata\n"
                                 ".long 2\n"
                                 ".rva leave_1, leave_2, final_block\n"
                                 ".long 0\n"
                                 ".rva leave_1, leave_2\n"
                                 ".long 1\n"
                                 ".rva leave_4\n"
                                 ".text\n"
                                 ".seh_endproc\n"

    BEGIN(with_frame_pointer) "   push %rbp\n .seh_pushreg %rbp\n"
                              "   sub $0x40, %rsp\n .seh_stackalloc 0x40\n"
                              "   lea 0x20(%rsp), %rbp\n .seh_setframe %rbp, 0x20\n"
                              ".seh_endprologue\n"
                              "   sub $0x200, %rsp\n"
                              "   mov %rcx, %rax\n"
                              "   mov %rdx, %rcx\n"
                              "   call *%rax\n"
                              "   nop\n"
                              "   lea 0x20(%rbp), %rsp\n"
                              "   pop %rbp\n"
                              "   ret\n"
                              ".seh_endproc\n"

    BEGIN(spoil_registers) "   push %rbx\n .seh_pushreg %rbx\n"
                           "   push %rbp\n .seh_pushreg %rbp\n"
                           "   push %rsi\n .seh_pushreg %rsi\n"
                           "   push %rdi\n .seh_pushreg %rdi\n"
                           "   push %r12\n .seh_pushreg %r12\n"
                           "   push %r13\n .seh_pushreg %r13\n"
                           "   sub $0x68, %rsp\n .seh_stackalloc 0x68\n"
                           "   mov %r14, 0x20(%rsp)\n .seh_savereg %r14, 0x20\n"
                           "   mov %r15, 0x28(%rsp)\n .seh_savereg %r15, 0x28\n"
                           "   movups %xmm6, 0x30(%rsp)\n .seh_savexmm %xmm6, 0x30\n"
                           "   movups %xmm15, 0x40(%rsp)\n .seh_savexmm %xmm15, 0x40\n"
                           ".seh_endprologue\n"
                           "   mov %rcx, %rax\n"
                           "   mov %rdx, %rcx\n"
                           "   mov $-1, %rbx; mov %rbx, %rbp; mov %rbx, %rsi; mov %rbx, %rdi\n"
                           "   mov %rbx, %r12; mov %rbx, %r13; mov %rbx, %r14; mov %rbx, %r15\n"
                           "   movq %rbx, %xmm6; movq %rbx, %xmm15\n"
                           "   call *%rax\n"
                           "   nop\n"
                           "   movups 0x40(%rsp), %xmm15; movups 0x30(%rsp), %xmm6\n"
                           "   mov 0x28(%rsp), %r15; mov 0x20(%rsp), %r14\n"
                           "   add $0x68, %rsp\n"
                           "   pop %r13; pop %r12; pop %rdi; pop %rsi; pop %rbp; pop %rbx\n"
                           "   ret\n"
                           ".seh_endproc\n"

    BEGIN(registers_are_kept) "   push %rbx\n .seh_pushreg %rbx\n"
                              "   push %rbp\n .seh_pushreg %rbp\n"
                              "   push %rsi\n .seh_pushreg %rsi\n"
                              "   push %rdi\n .seh_pushreg %rdi\n"
                              "   push %r12\n .seh_pushreg %r12\n"
                              "   push %r13\n .seh_pushreg %r13\n"
                              "   push %r14\n .seh_pushreg %r14\n"
                              "   push %r15\n .seh_pushreg %r15\n"
                              "   sub $0x48, %rsp\n .seh_stackalloc 0x48\n"
                              "   movups %xmm6, 0x20(%rsp)\n .seh_savexmm %xmm6, 0x20\n"
                              "   movups %xmm15, 0x30(%rsp)\n .seh_savexmm %xmm15, 0x30\n"
                              ".seh_endprologue\n"
                              "   mov %rcx, %rax\n"
                              "   mov %rdx, %rcx\n"
                              "   mov $1, %ebx; mov $2, %ebp; mov $3, %esi; mov $4, %edi\n"
                              "   mov $5, %r12d; mov $6, %r13d; mov $7, %r14d; mov $8, %r15d\n"
                              "   movq %rbx, %xmm6; movq %rbp, %xmm15\n"
                              "kept_1: call *%rax\n"
                              "   nop\n"
                              "kept_2: xor %eax, %eax\n"
                              "   jmp kept_4\n"
                              "kept_3: shl $4, %rbx; or %rbp, %rbx; shl $4, %rbx; or %rsi, %rbx; shl $4, "
                              "%rbx; or %rdi, %rbx\n"
                              "   shl $4, %rbx; or %r12, %rbx; shl $4, %rbx; or %r13, %rbx; shl $4, %rbx; or "
                              "%r14, %rbx\n"
                              "   shl $4, %rbx; or %r15, %rbx\n"
                              "   movq %xmm6, %rcx; movq %xmm15, %rdx\n"
                              "   shl $4, %rbx; or %rcx, %rbx; shl $4, %rbx; or %rdx, %rbx\n"
                              "   xor %eax, %eax\n"
                              "   mov $0x1234567812, %rcx\n"
                              "   cmp %rcx, %rbx\n"
                              "   sete %al\n"
                              "kept_4: movups 0x30(%rsp), %xmm15; movups 0x20(%rsp), %xmm6\n"
                              "   add $0x48, %rsp\n"
                              "   pop %r15; pop %r14; pop %r13; pop %r12; pop %rdi; pop %rsi; pop %rbp; pop "
                              "%rbx\n"
                              "   ret\n"
                              ".seh_handler __C_specific_handler, @except, @unwind\n"
                              ".seh_handlerdata\n"
                              ".long 1\n"
                              ".rva kept_1, kept_2\n"
                              ".long 1\n"
                              ".rva kept_3\n"
                              ".text\n"
                              ".seh_endproc\n");

#endif
