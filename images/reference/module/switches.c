// SPDX-License-Identifier: GPL-2.0-only
/* Module parameters that switch behaviours on and off, also while the guest runs. Each that is on says in the kernel's
 * log once that it came into play: one that nothing asks for does nothing, and would never be blamed. */
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "switches.h"

static const char *const fault_names[FAULT_COUNT] = {
#define FAULT(id, name, rows, text) [FAULT_##id] = name,
#include "faults.h"
#undef FAULT
};

static const char *const freedom_names[FREEDOM_COUNT] = {
#define FREEDOM(id, name, rows, words, text) [FREEDOM_##id] = name,
#define PART(whole, id)
#include "freedoms.h"
#undef FREEDOM
#undef PART
};

static const struct {
	enum freedom_id whole, part;
} freedom_parts[] = {
#define FREEDOM(id, name, rows, words, text)
#define PART(whole, id) { FREEDOM_##whole, FREEDOM_##id },
#include "freedoms.h"
#undef FREEDOM
#undef PART
};

static int active_fault = -1;
static DECLARE_BITMAP(active_freedoms, FREEDOM_COUNT);
static DECLARE_BITMAP(seen_faults, FAULT_COUNT);
static DECLARE_BITMAP(seen_freedoms, FREEDOM_COUNT);

/* harness/diagnostics/selfcheck.py reads the line; the serial port has none of a lower level. At any IRQL, and often. */
static void came_into_play(const char *kind, const char *name, int id, unsigned long *seen)
{
	if (!test_bit(id, seen) && !test_and_set_bit(id, seen))
		pr_err("ntlab: %s %s came into play\n", kind, name);
}

/* To be asked last, when all else is given that it takes. */
bool fault(enum fault_id id)
{
	bool on = READ_ONCE(active_fault) == id;

	if (on)
		came_into_play("fault", fault_names[id], id, seen_faults);
	return on;
}

bool freedom(enum freedom_id id)
{
	bool on = test_bit(id, active_freedoms);

	if (on)
		came_into_play("freedom", freedom_names[id], id, seen_freedoms);
	return on;
}

static bool none(const char *value)
{
	return sysfs_streq(value, "") || sysfs_streq(value, "none");
}

static int set_fault(const char *value, const struct kernel_param *param)
{
	int index = none(value) ? -1 : __sysfs_match_string(fault_names, FAULT_COUNT, value);

	if (index < 0 && !none(value))
		return -EINVAL;
	WRITE_ONCE(active_fault, index);
	return 0;
}

static int get_fault(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", active_fault < 0 ? "none" : fault_names[active_fault]);
}

static void add_freedom(unsigned long *freedoms, int index)
{
	int i;

	__set_bit(index, freedoms);
	for (i = 0; i < ARRAY_SIZE(freedom_parts); i++)
		if (freedom_parts[i].whole == index)
			__set_bit(freedom_parts[i].part, freedoms);
}

/* Names with commas between them. One that is not known refuses them all. */
static int set_freedoms(const char *value, const struct kernel_param *param)
{
	DECLARE_BITMAP(wanted, FREEDOM_COUNT) = {};
	char *copy = kstrdup(none(value) ? "" : value, GFP_KERNEL);
	char *rest = copy, *name;
	int index = 0;

	if (!copy)
		return -ENOMEM;
	while (index >= 0 && (name = strsep(&rest, ",")) && *name) {
		index = __sysfs_match_string(freedom_names, FREEDOM_COUNT, name);
		if (index >= 0)
			add_freedom(wanted, index);
	}
	kfree(copy);
	if (index < 0)
		return -EINVAL;
	bitmap_copy(active_freedoms, wanted, FREEDOM_COUNT);
	return 0;
}

static int get_freedoms(char *buffer, const struct kernel_param *param)
{
	int length = 0;
	int i;

	for_each_set_bit(i, active_freedoms, FREEDOM_COUNT)
		length += sysfs_emit_at(buffer, length, "%s%s", length ? "," : "", freedom_names[i]);
	return length + sysfs_emit_at(buffer, length, "%s\n", length ? "" : "none");
}

static int list_names(char *buffer, const char *const *names, int count)
{
	int length = 0;
	int i;

	for (i = 0; i < count; i++)
		length += sysfs_emit_at(buffer, length, "%s%s", i ? " " : "", names[i]);
	return length + sysfs_emit_at(buffer, length, "\n");
}

static int get_fault_names(char *buffer, const struct kernel_param *param)
{
	return list_names(buffer, fault_names, FAULT_COUNT);
}

static int get_freedom_names(char *buffer, const struct kernel_param *param)
{
	return list_names(buffer, freedom_names, FREEDOM_COUNT);
}

static const struct kernel_param_ops fault_ops = { .set = set_fault, .get = get_fault };
static const struct kernel_param_ops fault_names_ops = { .get = get_fault_names };
static const struct kernel_param_ops freedom_ops = { .set = set_freedoms, .get = get_freedoms };
static const struct kernel_param_ops freedom_names_ops = { .get = get_freedom_names };

module_param_cb(fault, &fault_ops, NULL, 0644);
MODULE_PARM_DESC(fault, "the wrong behaviour to show, or none");
module_param_cb(faults, &fault_names_ops, NULL, 0444);
MODULE_PARM_DESC(faults, "all wrong behaviours by name");
module_param_cb(freedom, &freedom_ops, NULL, 0644);
MODULE_PARM_DESC(freedom, "other ways of keeping every promise to take, with commas between them, or none");
module_param_cb(freedoms, &freedom_names_ops, NULL, 0444);
MODULE_PARM_DESC(freedoms, "all other ways of keeping every promise by name");
