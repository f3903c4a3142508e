// SPDX-License-Identifier: GPL-2.0-only
/* What Linux does not export to modules, by its name: a kprobe may look up any function, and one of them the rest. */
#include <linux/kprobes.h>

#include "ntlab_internal.h"

/* NULL for none, or one that may not be probed. */
void *kernel_function(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	void *address;

	if (register_kprobe(&probe))
		return NULL;
	address = probe.addr;
	unregister_kprobe(&probe);
	return address;
}

/* A variable of the kernel's; NULL for none. */
void *kernel_data(const char *name)
{
	static unsigned long (*lookup)(const char *name);

	if (!lookup)
		lookup = kernel_function("kallsyms_lookup_name");
	return lookup ? (void *)lookup(name) : NULL;
}
