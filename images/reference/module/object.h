/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What a handle stands for: a thread, a file, a section, or a device, which needs no more than to exist.
 */
#ifndef OBJECT_H
#define OBJECT_H

#include <linux/kref.h>

#include "ntlab_internal.h"

typedef void MS (*start_routine)(void *context);

struct object {
	struct kevent header;	/* signalled when a thread has ended; first, so that it can be waited for */
	struct kref references;
	struct file *file;
	struct section *section;
	struct list_head list;	/* of threads */
	start_routine start;
	void *context;
};

struct object_attributes {
	u32 length;
	u64 root;
	struct unicode_string *name;
	u32 attributes;
	void *security;
	void *quality;
};

/* section.c */
struct section;

void section_free(struct section *section);

/* object.c */
struct object *object_create(void);
void object_put(struct object *object);
u64 handle_open(struct object *object);
struct object *handle_get(u64 handle);

#endif
