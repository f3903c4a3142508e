// SPDX-License-Identifier: GPL-2.0-only
/* Processors by group, processes and threads by number, and what a driver need not do here. */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "compat.h"
#include "ntlab_internal.h"

#define ALL_GROUPS 0xffff
#define NO_PROCESSOR (~0u)

/* This guest has one group. */
static u16 MS one_group(void)
{
	return 1;
}

static u32 MS KeQueryMaximumProcessorCount(void)
{
	return num_online_cpus();
}

static u32 MS KeQueryMaximumProcessorCountEx(u16 group)
{
	return group && group != ALL_GROUPS ? 0 : num_online_cpus();
}

struct processor_number {
	u16 group;
	u8 number;
	u8 reserved;
};

static NTSTATUS MS KeGetProcessorNumberFromIndex(u32 index, struct processor_number *number)
{
	if (index >= num_online_cpus())
		return STATUS_INVALID_PARAMETER;
	*number = (struct processor_number){ .number = index };
	return STATUS_SUCCESS;
}

static u32 MS KeGetProcessorIndexFromNumber(const struct processor_number *number)
{
	return number->group || number->number >= num_online_cpus() ? NO_PROCESSOR : number->number;
}

/* ---- Processes and threads, which are Linux' tasks to a driver that only passes them on ---- */

static void *system_process = &init_task;

static void *MS PsGetProcessId(struct task_struct *process)
{
	return (void *)(u64)task_tgid_nr(process);
}

static void *MS PsGetThreadId(struct task_struct *thread)
{
	return (void *)(u64)task_pid_nr(thread);
}

static BOOLEAN MS PsIsSystemThread(const struct task_struct *thread)
{
	return !!(thread->flags & PF_KTHREAD);
}

/* The mode that the running thread called from: a driver is called for a program by its thread. */
static u8 MS ExGetPreviousMode(void)
{
	return !driver_in_system_thread();
}

static NTSTATUS MS ExUuidCreate(guid_t *uuid)
{
	guid_gen(uuid);
	return STATUS_SUCCESS;
}

/* ---- APCs are not delivered ---- */

static void MS nothing(void)
{
}

static BOOLEAN MS never(void)
{
	return false;
}

static u64 MS MmSizeOfMdl(const void *address, size_t size)
{
	u64 pages = PFN_UP(offset_in_page(address) + size);

	return sizeof(struct mdl) + pages * sizeof(u64);
}

const struct nt_export ke_more_exports[] = {
	NT_EXPORT_AS("KeQueryActiveGroupCount", one_group),
	NT_EXPORT_AS("KeQueryMaximumGroupCount", one_group),
	NT_EXPORT(KeQueryMaximumProcessorCount),
	NT_EXPORT(KeQueryMaximumProcessorCountEx),
	NT_EXPORT(KeGetProcessorNumberFromIndex),
	NT_EXPORT(KeGetProcessorIndexFromNumber),
	NT_EXPORT_AS("PsInitialSystemProcess", &system_process),
	NT_EXPORT(PsGetProcessId),
	NT_EXPORT(PsGetThreadId),
	NT_EXPORT(PsIsSystemThread),
	NT_EXPORT(ExGetPreviousMode),
	NT_EXPORT(ExUuidCreate),
	NT_EXPORT_AS("KeEnterGuardedRegion", nothing),
	NT_EXPORT_AS("KeLeaveGuardedRegion", nothing),
	NT_EXPORT_AS("KeAreApcsDisabled", never),
	NT_EXPORT_AS("KeAreAllApcsDisabled", never),
	NT_EXPORT(MmSizeOfMdl),
	{}
};
