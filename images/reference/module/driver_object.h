/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A driver as the I/O manager shows it to itself.
 */
#ifndef DRIVER_OBJECT_H
#define DRIVER_OBJECT_H

#include "ntlab_internal.h"

#define REGISTRY_PATH_LENGTH 128	/* characters */

struct driver_identity {
	struct driver_object object;
	struct driver_extension extension;
	struct unicode_string registry_path;
	u16 name[NTLAB_NAME_LENGTH + 16];
	u16 path[REGISTRY_PATH_LENGTH];
};

void driver_identify(struct driver_identity *driver, const char *name, const struct pe_image *image);

#endif
