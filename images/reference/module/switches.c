// SPDX-License-Identifier: GPL-2.0-only
/* Module parameters that switch behaviours on and off, also while the guest runs. */
#include <linux/module.h>

#include "switches.h"

static const char *const names[FAULT_COUNT] = {
#define FAULT(id, name, rows, text) [FAULT_##id] = name,
#include "faults.h"
#undef FAULT
};

static int active = -1;

bool fault(enum fault_id id)
{
	return READ_ONCE(active) == id;
}

static int set_fault(const char *value, const struct kernel_param *param)
{
	int index;

	if (sysfs_streq(value, "") || sysfs_streq(value, "none")) {
		WRITE_ONCE(active, -1);
		return 0;
	}
	index = __sysfs_match_string(names, FAULT_COUNT, value);
	if (index < 0)
		return -EINVAL;
	WRITE_ONCE(active, index);
	return 0;
}

static int get_fault(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", active < 0 ? "none" : names[active]);
}

static int get_names(char *buffer, const struct kernel_param *param)
{
	int length = 0;
	int i;

	for (i = 0; i < FAULT_COUNT; i++)
		length += sysfs_emit_at(buffer, length, "%s%s", i ? " " : "", names[i]);
	return length + sysfs_emit_at(buffer, length, "\n");
}

static const struct kernel_param_ops fault_ops = { .set = set_fault, .get = get_fault };
static const struct kernel_param_ops names_ops = { .get = get_names };

module_param_cb(fault, &fault_ops, NULL, 0644);
MODULE_PARM_DESC(fault, "the wrong behaviour to show, or none");
module_param_cb(faults, &names_ops, NULL, 0444);
MODULE_PARM_DESC(faults, "all wrong behaviours by name");
