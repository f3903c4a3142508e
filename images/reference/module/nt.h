/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The NT kernel's types as an x64 driver knows them. Only what drivers reach
 * into has its documented place; the rest is padding, and every offset is
 * checked where the layout is defined.
 */
#ifndef NT_H
#define NT_H

#include <linux/build_bug.h>
#include <linux/list.h>
#include <linux/objtool.h>
#include <linux/types.h>

#define MS __attribute__((ms_abi))

typedef u32 NTSTATUS;
typedef u8 KIRQL;
typedef u8 BOOLEAN;

#define NT_SUCCESS(status) ((s32)(status) >= 0)

#define STATUS_SUCCESS 0x00000000u
#define STATUS_TIMEOUT 0x00000102u
#define STATUS_PENDING 0x00000103u
#define STATUS_EVENT_PENDING 0x40000013u
#define STATUS_BUFFER_OVERFLOW 0x80000005u
#define STATUS_UNSUCCESSFUL 0xc0000001u
#define STATUS_NOT_IMPLEMENTED 0xc0000002u
#define STATUS_INVALID_HANDLE 0xc0000008u
#define STATUS_INVALID_PARAMETER 0xc000000du
#define STATUS_INVALID_DEVICE_REQUEST 0xc0000010u
#define STATUS_MORE_PROCESSING_REQUIRED 0xc0000016u
#define STATUS_ACCESS_DENIED 0xc0000022u
#define STATUS_BUFFER_TOO_SMALL 0xc0000023u
#define STATUS_OBJECT_NAME_NOT_FOUND 0xc0000034u
#define STATUS_OBJECT_NAME_COLLISION 0xc0000035u
#define STATUS_DELETE_PENDING 0xc0000056u
#define STATUS_INVALID_SECURITY_DESCR 0xc0000079u
#define STATUS_INVALID_IMAGE_FORMAT 0xc000007bu
#define STATUS_INSUFFICIENT_RESOURCES 0xc000009au
#define STATUS_IO_TIMEOUT 0xc00000b5u
#define STATUS_FILE_FORCED_CLOSED 0xc00000b6u
#define STATUS_NOT_SUPPORTED 0xc00000bbu
#define STATUS_CANCELLED 0xc0000120u
#define STATUS_LOCAL_DISCONNECT 0xc000013bu
#define STATUS_REMOTE_DISCONNECT 0xc000013cu
#define STATUS_PROCEDURE_NOT_FOUND 0xc000007au
#define STATUS_INVALID_DEVICE_STATE 0xc0000184u
#define STATUS_INVALID_BUFFER_SIZE 0xc0000206u
#define STATUS_INVALID_ADDRESS_COMPONENT 0xc0000207u
#define STATUS_ADDRESS_ALREADY_EXISTS 0xc000020au
#define STATUS_CONNECTION_DISCONNECTED 0xc000020cu
#define STATUS_CONNECTION_RESET 0xc000020du
#define STATUS_DATA_NOT_ACCEPTED 0xc000021bu
#define STATUS_NOT_FOUND 0xc0000225u
#define STATUS_CONNECTION_REFUSED 0xc0000236u
#define STATUS_ADDRESS_ALREADY_ASSOCIATED 0xc0000238u
#define STATUS_CONNECTION_INVALID 0xc000023au
#define STATUS_NETWORK_UNREACHABLE 0xc000023cu
#define STATUS_HOST_UNREACHABLE 0xc000023du
#define STATUS_CONNECTION_ABORTED 0xc0000241u

#define PASSIVE_LEVEL 0
#define APC_LEVEL 1
#define DISPATCH_LEVEL 2

#define STATUS_SEMAPHORE_LIMIT_EXCEEDED 0xc0000047u

#define IRQL_NOT_GREATER_OR_EQUAL 0x09
#define IRQL_NOT_LESS_OR_EQUAL 0x0a
#define SPIN_LOCK_ALREADY_OWNED 0x0f
#define SPIN_LOCK_NOT_OWNED 0x10
#define KMODE_EXCEPTION_NOT_HANDLED 0x1e
#define SYSTEM_SERVICE_EXCEPTION 0x3b
#define PAGE_FAULT_IN_NONPAGED_AREA 0x50
#define SYSTEM_THREAD_EXCEPTION_NOT_HANDLED 0x7e
#define UNEXPECTED_KERNEL_MODE_TRAP 0x7f
#define ATTEMPTED_WRITE_TO_READONLY_MEMORY 0xbe
#define DRIVER_IRQL_NOT_LESS_OR_EQUAL 0xd1
#define ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY 0xfc
#define DPC_WATCHDOG_VIOLATION 0x133
#define KERNEL_SECURITY_CHECK_FAILURE 0x139
#define MUTEX_NOT_OWNED 0x11
#define RESOURCE_NOT_OWNED 0xe3
#define BAD_POOL_HEADER 0x19
#define NO_MORE_IRP_STACK_LOCATIONS 0x35
#define MULTIPLE_IRP_COMPLETE_REQUESTS 0x44
#define IRQL_GT_ZERO_AT_SYSTEM_SERVICE 0x4a
#define ATTEMPTED_SWITCH_FROM_DPC 0xb8
#define BAD_POOL_CALLER 0xc2
#define DRIVER_VERIFIER_DETECTED_VIOLATION 0xc4
#define TIMER_OR_DPC_INVALID 0xc7
#define IRQL_UNEXPECTED_VALUE 0xc8
#define DRIVER_VERIFIER_IOMANAGER_VIOLATION 0xc9
#define DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS 0xcb
#define DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS 0xce
#define DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL 0xd5
#define DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION 0xd6

struct unicode_string {
	u16 length;	/* in bytes */
	u16 maximum_length;
	u32 pad;
	u16 *buffer;
};

struct nt_list {
	u64 flink;
	u64 blink;
};

struct kevent {
	u8 type;	/* 0 notification, 1 synchronization */
	u8 pad[3];
	s32 signal_state;
	struct nt_list wait_list;
};

/* What the type of an object that can be waited for says. */
#define DISPATCHER_NOTIFICATION_EVENT 0
#define DISPATCHER_SYNCHRONIZATION_EVENT 1
#define DISPATCHER_MUTEX 2
#define DISPATCHER_SEMAPHORE 5
#define DISPATCHER_THREAD 6
#define DISPATCHER_NOTIFICATION_TIMER 8
#define DISPATCHER_SYNCHRONIZATION_TIMER 9

struct kmutant {
	struct kevent header;
	struct nt_list list;
	void *owner;
	u64 flags;
};

struct mdl {
	struct mdl *next;
	s16 size;
	u16 flags;
	u32 pad;
	void *process;
	void *mapped_system_va;
	void *start_va;
	u32 byte_count;
	u32 byte_offset;
};

#define MDL_MAPPED_TO_SYSTEM_VA 0x0001
#define MDL_PAGES_LOCKED 0x0002
#define MDL_PARTIAL 0x0010
#define MDL_SOURCE_IS_NONPAGED_POOL 0x0004

struct irp;
struct device_object;
struct driver_object;

typedef NTSTATUS MS (*io_completion_routine)(struct device_object *device, struct irp *irp, void *context);
typedef NTSTATUS MS (*driver_dispatch)(struct device_object *device, struct irp *irp);
typedef void MS (*driver_cancel)(struct device_object *device, struct irp *irp);

struct io_stack_location {
	u8 major_function;
	u8 minor_function;
	u8 flags;
	u8 control;	/* SL_* */
	u32 pad;
	union {
		u64 words[4];
		struct {
			u32 output_length;
			u32 pad0;
			u32 input_length;
			u32 pad1;
			u32 code;
		} device_control;
	} parameters;
	struct device_object *device;
	void *file;
	io_completion_routine completion_routine;
	void *context;
};

#define SL_PENDING_RETURNED 0x01
#define SL_INVOKE_ON_CANCEL 0x20
#define SL_INVOKE_ON_SUCCESS 0x40
#define SL_INVOKE_ON_ERROR 0x80

#define IRP_MJ_CREATE 0x00
#define IRP_MJ_CLOSE 0x02
#define IRP_MJ_DEVICE_CONTROL 0x0e
#define IRP_MJ_CLEANUP 0x12
#define IRP_MJ_COUNT 28

struct irp {
	s16 type;
	u16 size;
	u32 pad0;
	struct mdl *mdl;
	u32 flags;
	u32 held;	/* padding in NT: whether the provider has it */
	void *system_buffer;
	struct nt_list thread_list;
	NTSTATUS status;
	u32 built;	/* padding in NT: whether the I/O manager ends it */
	u64 information;
	u8 requestor_mode;
	BOOLEAN pending_returned;
	s8 stack_count;
	s8 current_location;
	BOOLEAN cancel;
	KIRQL cancel_irql;
	u8 apc_environment;
	u8 allocation_flags;
	struct io_status *user_iosb;
	struct kevent *user_event;
	u64 overlay[2];
	driver_cancel cancel_routine;
	void *user_buffer;
	void *driver_context[4];	/* the driver's that owns the IRP at the moment */
	void *thread;
	void *auxiliary_buffer;
	struct list_head list_entry;	/* likewise */
	struct io_stack_location *current_stack;
	void *original_file;
	u64 pad3;
};

#define IRP_TYPE 6

/* Its flags: where its buffer is, and whether its answer is copied out of that. */
#define IRP_BUFFERED_IO 0x10u
#define IRP_DEALLOCATE_BUFFER 0x20u
#define IRP_INPUT_OPERATION 0x40u

struct io_status {	/* IO_STATUS_BLOCK */
	u64 status;
	u64 information;
};

/* What the first word of a device object and of a file object says. */
#define DEVICE_TYPE 3
#define FILE_TYPE 5

struct device_object {
	s16 type;
	u16 size;
	s32 reference_count;
	struct driver_object *driver;
	struct device_object *next;
	void *attached;
	void *current_irp;
	void *timer;
	u32 flags;
	u32 characteristics;
	void *vpb;
	void *extension;
	u32 device_type;
	s8 stack_size;
	u8 rest[0x150 - 0x4d];
};

struct driver_extension {
	struct driver_object *driver;
	void *add_device;
	u32 count;
	u32 pad;
	struct unicode_string service;	/* its key's name */
};

struct driver_object {
	s16 type;
	s16 size;
	u32 pad0;
	struct device_object *device;
	u32 flags;
	u32 pad1;
	void *start;
	u32 image_size;
	u32 pad2;
	void *section;
	struct driver_extension *extension;
	struct unicode_string name;
	struct unicode_string *hardware_database;
	void *fast_io;
	void *init;
	void *start_io;
	void MS (*unload)(struct driver_object *driver);
	driver_dispatch major_function[IRP_MJ_COUNT];
};

#define AT(type, member, offset) static_assert(offsetof(struct type, member) == (offset))
AT(unicode_string, buffer, 8);
AT(kevent, signal_state, 4);
AT(mdl, mapped_system_va, 0x18);
AT(mdl, byte_count, 0x28);
AT(kmutant, owner, 0x28);
AT(io_stack_location, parameters, 8);
AT(io_stack_location, parameters.device_control.code, 0x18);
AT(io_stack_location, completion_routine, 0x38);
AT(irp, system_buffer, 0x18);
AT(irp, status, 0x30);
AT(irp, pending_returned, 0x41);
AT(irp, cancel, 0x44);
AT(irp, user_event, 0x50);
AT(irp, cancel_routine, 0x68);
AT(irp, driver_context, 0x78);
AT(irp, list_entry, 0xa8);
AT(irp, current_stack, 0xb8);
AT(device_object, flags, 0x30);
AT(device_object, extension, 0x40);
AT(device_object, stack_size, 0x4c);
AT(driver_extension, service, 0x18);
AT(driver_object, name, 0x38);
AT(driver_object, unload, 0x68);
AT(driver_object, major_function, 0x70);
#undef AT
static_assert(sizeof(struct kevent) == 24);
static_assert(sizeof(struct mdl) == 0x30);
static_assert(sizeof(struct io_stack_location) == 0x48);
static_assert(sizeof(struct irp) == 0xd0);
static_assert(sizeof(struct driver_object) == 0x150);

/* What a driver can import. Each file ends with a table of its own. */
struct nt_export {
	const char *name;
	void *address;
};

#define NT_EXPORT(function) { #function, function }
#define NT_EXPORT_AS(name, function) { name, function }

/*
 * GUARD(function); and then NT_GUARDED("name", function) in the table: an exception inside the function, which has no
 * more than four arguments and holds nothing, goes to whoever guards its call in a driver (exception_entry.c).
 */
#define GUARD(function)                                                                                        \
	static __attribute__((naked, used)) notrace void guarded_##function(void)                                      \
	{                                                                                                      \
		asm volatile("movq %0, %%rax; jmp guard_call" : : "i"(function));                              \
	}                                                                                                      \
	STACK_FRAME_NON_STANDARD(guarded_##function)
#define NT_GUARDED(name, function) { name, guarded_##function }

extern const struct nt_export ex_exports[], ke_exports[], time_exports[], ps_exports[], io_exports[], mm_exports[],
	rtl_exports[], wsk_exports[], irql_exports[], lock_exports[], dpc_exports[], dbg_exports[], irp_exports[],
	sync_exports[], zw_exports[], string_exports[], work_exports[], object_exports[],
	ex_lock_exports[], trace_exports[], crt_exports[], rtl_text_exports[], ex_more_exports[], io_more_exports[], ex_timer_exports[],
	ke_more_exports[], rtl_more_exports[], rtl_table_exports[], crt_more_exports[], zw_key_exports[],
	exception_exports[], section_exports[], io_build_exports[],
	mm_paged_exports[];

#endif
