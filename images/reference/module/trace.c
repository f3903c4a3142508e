// SPDX-License-Identifier: GPL-2.0-only
/* Event tracing: nobody listens here, and every provider is told so. */
#include "ntlab_internal.h"

static NTSTATUS MS EtwRegister(const void *provider, void *callback, void *context, u64 *handle)
{
	*handle = 1;
	return STATUS_SUCCESS;
}

/* Of a write, too: what nobody listens to is written in vain, and well. */
static NTSTATUS MS done(void)
{
	return STATUS_SUCCESS;
}

static BOOLEAN MS never(void)
{
	return false;
}

static NTSTATUS MS WmiQueryTraceInformation(u32 class, void *buffer, u32 size, u32 *needed, void *input)
{
	return STATUS_NOT_SUPPORTED;
}

const struct nt_export trace_exports[] = {
	NT_EXPORT(EtwRegister),
	NT_EXPORT_AS("EtwUnregister", done),
	NT_EXPORT_AS("EtwWrite", done),
	NT_EXPORT_AS("EtwWriteEx", done),
	NT_EXPORT_AS("EtwWriteString", done),
	NT_EXPORT_AS("EtwWriteTransfer", done),
	NT_EXPORT_AS("EtwSetInformation", done),
	NT_EXPORT_AS("EtwActivityIdControl", done),
	NT_EXPORT_AS("EtwEventEnabled", never),
	NT_EXPORT_AS("EtwProviderEnabled", never),
	NT_EXPORT_AS("WmiTraceMessage", done),
	NT_EXPORT_AS("WmiTraceMessageVa", done),
	NT_EXPORT(WmiQueryTraceInformation),
	NT_EXPORT_AS("IoWMIRegistrationControl", done),
	{}
};
