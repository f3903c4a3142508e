/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What the parts of the module offer each other.
 */
#ifndef NTLAB_INTERNAL_H
#define NTLAB_INTERNAL_H

#include <linux/panic.h>

#include "nt.h"
#include "ntlab.h"

/* driver_stack.c: the drivers on a stack, for a bugcheck and for a driver that hangs. */
u64 driver_stack_offset(const void *address);
bool driver_stack_is_return(u64 word);
void driver_tell_stack(void);
void driver_tell_trace(void);

/* registers.c: around every call of a driver. Calls from a thread below DISPATCH_LEVEL are made by driver_run(), which
 * gives the driver a stack of its size. */
typedef void (*driver_body)(void *argument);
int registers_init(void);
void registers_exit(void);
void driver_enter(void);
void driver_leave(void);
void driver_run(driver_body body, void *argument);
void driver_run_as_system(driver_body body, void *argument);
void __noreturn driver_break_out(void);
bool driver_is_running(void);
bool driver_in_system_thread(void);

/* shared.c */
int shared_init(void);
void shared_exit(void);
bool shared_has(const void *address);

/* watchdog.c */
void watchdog_init(void);
void watchdog_exit(void);

/* trap.c */
int traps_init(void);
void traps_exit(void);

/* pe.c */
struct pe_site;

struct pe_image {
	const char *name;	/* of the driver */
	u8 *base;
	u32 size;
	u32 entry;
	u32 functions;	/* where the table of their frames begins */
	u32 function_count;
	struct pe_site *sites;	/* what patch.c changed */
	u32 site_count;
};

int pe_init(void);
void *pe_find_export(const char *name);
NTSTATUS pe_load(const char *path, const char *name, struct pe_image *image);
const struct pe_image *pe_image_at(u64 address);
void pe_for_each_image(void (*tell)(const struct pe_image *image));
void pe_unload(struct pe_image *image);

/* symbol.c */
void *kernel_function(const char *name);
void *kernel_data(const char *name);

/* pool.c */
void *pool_allocate(size_t size, u32 tag);
void *pool_allocate_for(size_t size, u32 tag, const void *caller);
void *pool_allocate_paged(size_t size, u32 tag, const void *caller);
void MS ExFreePoolWithTag(void *block, u32 tag);
bool pool_ends_before(u64 address);
void pool_check_unload(const void *image, u32 size);

/* A bugcheck stops the guest for good, seen from outside through pvpanic. */
#define bugcheck(code, a, b, c, d)                                                                               \
	do {                                                                                                     \
		driver_tell_stack();                                                                             \
		driver_tell_trace();                                                                             \
		panic("*** STOP: 0x%08X (0x%016llX,0x%016llX,0x%016llX,0x%016llX)", (u32)(code), (u64)(a), (u64)(b), \
		      (u64)(c), (u64)(d));                                                                       \
	} while (0)

/* irql.c */
struct pt_regs;

KIRQL MS KeGetCurrentIrql(void);
KIRQL irql_interrupted(const struct pt_regs *regs);
KIRQL MS KfRaiseIrql(KIRQL level);
KIRQL MS KeRaiseIrqlToDpcLevel(void);
void MS KeLowerIrql(KIRQL level);

/* ke_time.c: NT counts in units of 100 ns. */
#define NT_UNIT_NS 100
#define TICK_NS 15625000	/* of Windows' clock, unless a program asks for a finer one */
u64 ke_until_tick(u64 due);
s64 ke_system_time(void);
void ke_stall(u64 us);

/* ke.c */
void MS KeInitializeEvent(struct kevent *event, u32 type, BOOLEAN state);
s32 MS KeSetEvent(struct kevent *event, s32 increment, BOOLEAN wait);
NTSTATUS MS KeWaitForSingleObject(void *object, u32 reason, u8 mode, BOOLEAN alertable, s64 *timeout);

/* ke_dpc.c */
void ke_dpc_init(void);
const void *dpc_running(void);
void ke_dpc_exit(void);
void ke_dpc_check_unload(const void *image, u32 size);

/* ex_timer.c: what is still to be freed goes. */
void ex_timer_flush(void);

/* ps.c */
void ps_check_unload(const void *image, u32 size);

/* irp.c */
struct irp *irp_allocate(s8 stack_size);
struct irp *irp_allocate_for(s8 stack_size, const void *caller);
void irp_end(struct irp *irp);
void irp_complete_with_thread(struct irp *irp, NTSTATUS status, u64 information);
void irp_complete_of_thread(void);
void MS IoFreeIrp(struct irp *irp);
void MS IofCompleteRequest(struct irp *irp, s8 boost);
void io_check_irp(const struct irp *irp);
KIRQL cancel_lock(void);
void cancel_unlock(KIRQL irql);

/* mm.c */
struct mdl *mdl_of_locked(void *address, u32 length);
void mdl_free(struct mdl *mdl);

/* io.c */
struct device_object *io_find_device(const char *dos_name);
void io_hold_device(struct device_object *device);
void io_release_device(struct device_object *device);
void io_drop_driver(struct driver_object *driver);
void io_check_unload(const struct driver_object *driver);

/* noise.c */
void noise_exit(void);

/* work.c */
int work_init(void);
void work_exit(void);
void work_flush(void);

/* rtl.c */
char *rtl_to_ascii(const struct unicode_string *string, char *buffer, size_t size);

/* verifier.c: rules whose breach is a bug of the driver's. DRIVER_VERIFIER_DETECTED_VIOLATION's
 * first parameter; those from VERIFIER_WSK_UNRELEASED on are this guest's own. */
#define VERIFIER_POOL_LEAKED 0x62
#define VERIFIER_WSK_UNRELEASED 0xf001
#define VERIFIER_WSK_NOT_REGISTERED 0xf002
#define VERIFIER_WSK_EVENT_STATUS 0xf003
#define VERIFIER_DEVICE_LEFT 0xf004
#define VERIFIER_WSK_CLOSE_RACES 0xf005
#define VERIFIER_WSK_STRICT 0xf006	/* second parameter: the rule of strict_rules.h, from 0 */

void verifier_require_passive(const void *function);
void verifier_irql_unchanged(u64 where, KIRQL before, int depth);

/* wsk_register.c */
int wsk_init(void);
void wsk_exit(void);
void wsk_check_unload(const void *image, u32 size);

#endif
