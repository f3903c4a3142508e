// SPDX-License-Identifier: GPL-2.0-only
/* RTL_AVL_TABLE: elements in an order that the driver's routine knows. Here the tree below is Linux' red-black tree. */
#include <linux/rbtree.h>
#include <linux/string.h>

#include "ntlab_internal.h"

/* RTL_BALANCED_LINKS, in front of each element; drivers know its size only. */
struct links {
	struct rb_node node;
	u64 pad;
};

enum order { LESS, GREATER, EQUAL };	/* RTL_GENERIC_COMPARE_RESULTS */

struct table {
	struct rb_root root;
	u64 root_pad[3];
	void *ordered_pointer;
	u32 which;
	u32 count;
	u32 depth;
	u32 pad;
	struct links *restart;
	u32 deletions;
	u32 pad2;
	u32 MS (*compare)(struct table *table, void *one, void *other);
	void *MS (*allocate)(struct table *table, u32 size);
	void MS (*free)(struct table *table, void *links);
	void *context;
};

static_assert(sizeof(struct links) == 0x20);
static_assert(offsetof(struct table, count) == 0x2c);
static_assert(offsetof(struct table, compare) == 0x48);
static_assert(sizeof(struct table) == 0x68);

static void *element_of(struct rb_node *node)
{
	return node ? container_of(node, struct links, node) + 1 : NULL;
}

static void MS RtlInitializeGenericTableAvl(struct table *table, void *compare, void *allocate, void *free, void *context)
{
	memset(table, 0, sizeof(*table));
	table->compare = compare;
	table->allocate = allocate;
	table->free = free;
	table->context = context;
}

/* Where the element is, or would be: `*parent` is NULL for the root's place. */
static struct rb_node **place_of(struct table *table, void *wanted, struct rb_node **parent)
{
	struct rb_node **place = &table->root.rb_node;

	*parent = NULL;
	while (*place) {
		u32 order = table->compare(table, wanted, element_of(*place));

		if (order == EQUAL)
			break;
		*parent = *place;
		place = order == LESS ? &(*place)->rb_left : &(*place)->rb_right;
	}
	return place;
}

static void *MS RtlInsertElementGenericTableAvl(struct table *table, void *element, u32 size, BOOLEAN *is_new)
{
	struct rb_node *parent, **place = place_of(table, element, &parent);
	struct links *links = NULL;

	if (is_new)
		*is_new = !*place;
	if (*place)
		return element_of(*place);
	links = table->allocate(table, size + sizeof(*links));
	if (!links) {
		if (is_new)
			*is_new = false;
		return NULL;
	}
	rb_link_node(&links->node, parent, place);
	rb_insert_color(&links->node, &table->root);
	table->count++;
	return memcpy(links + 1, element, size);
}

static void *MS RtlLookupElementGenericTableAvl(struct table *table, void *wanted)
{
	struct rb_node *parent;

	return element_of(*place_of(table, wanted, &parent));
}

static BOOLEAN MS RtlDeleteElementGenericTableAvl(struct table *table, void *wanted)
{
	struct rb_node *parent, *node = *place_of(table, wanted, &parent);

	if (!node)
		return false;
	if (table->restart == container_of(node, struct links, node))
		table->restart = NULL;
	rb_erase(node, &table->root);
	table->count--;
	table->free(table, container_of(node, struct links, node));
	return true;
}

static void *next_of(struct table *table, struct links **at)
{
	struct rb_node *node = *at ? rb_next(&(*at)->node) : rb_first(&table->root);

	*at = node ? container_of(node, struct links, node) : NULL;
	return element_of(node);
}

static void *MS RtlEnumerateGenericTableWithoutSplayingAvl(struct table *table, void **restart)
{
	return next_of(table, (struct links **)restart);
}

static void *MS RtlEnumerateGenericTableAvl(struct table *table, BOOLEAN restart)
{
	if (restart)
		table->restart = NULL;
	return next_of(table, &table->restart);
}

static void *MS RtlGetElementGenericTableAvl(struct table *table, u32 number)
{
	struct links *at = NULL;
	void *element;

	do
		element = next_of(table, &at);
	while (element && number--);
	return element;
}

static u32 MS RtlNumberGenericTableElementsAvl(const struct table *table)
{
	return table->count;
}

static BOOLEAN MS RtlIsGenericTableEmptyAvl(const struct table *table)
{
	return !table->count;
}

const struct nt_export rtl_table_exports[] = {
	NT_EXPORT(RtlInitializeGenericTableAvl),
	NT_EXPORT(RtlInsertElementGenericTableAvl),
	NT_EXPORT(RtlLookupElementGenericTableAvl),
	NT_EXPORT(RtlDeleteElementGenericTableAvl),
	NT_EXPORT(RtlEnumerateGenericTableAvl),
	NT_EXPORT(RtlEnumerateGenericTableWithoutSplayingAvl),
	NT_EXPORT(RtlGetElementGenericTableAvl),
	NT_EXPORT(RtlNumberGenericTableElementsAvl),
	NT_EXPORT(RtlIsGenericTableEmptyAvl),
	{}
};
