// SPDX-License-Identifier: GPL-2.0-only
/* Files: every path of NT's is a file under /tmp/nt of the guest, its drive letter a folder's name. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "object.h"

#define ROOT "/tmp/nt"
#define PATH_LENGTH 256
#define STATUS_OBJECT_PATH_SYNTAX_BAD 0xc000003bu
#define STATUS_END_OF_FILE 0xc0000011u
#define STATUS_ACCESS_DENIED 0xc0000022u

/* CreateDisposition. */
#define FILE_SUPERSEDE 0
#define FILE_OPEN 1
#define FILE_CREATE 2
#define FILE_OPEN_IF 3
#define FILE_OVERWRITE 4
#define FILE_OVERWRITE_IF 5

static const char *const prefixes[] = { "\\??\\", "\\DosDevices\\", "\\SystemRoot\\" };

/* "\??\C:\folder\file" -> ROOT "/C/folder/file"; false for what leaves the root. */
static bool to_path(const struct unicode_string *name, char *path)
{
	char text[PATH_LENGTH - sizeof(ROOT) - 1];
	char *rest = text;
	char *to;
	int i;

	if (!name || name->length / 2 >= sizeof(text))
		return false;
	rtl_to_ascii(name, text, sizeof(text));
	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncasecmp(text, prefixes[i], strlen(prefixes[i])))
			rest = text + strlen(prefixes[i]);
	if (rest == text || strstr(rest, ".."))
		return false;
	snprintf(path, PATH_LENGTH, ROOT "/%s", rest);
	for (i = 0, to = path; path[i]; i++)
		if (path[i] != ':')
			*to++ = path[i] == '\\' ? '/' : path[i];
	*to = '\0';
	return true;
}

/* The folders of a path are made as they are needed. */
static void make_folders(char *path)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct path parent;
		struct dentry *dentry;

		*slash = '\0';
		dentry = compat_start_creating_path(AT_FDCWD, path, &parent, LOOKUP_DIRECTORY);
		if (!IS_ERR(dentry))
			compat_end_creating_path(&parent, compat_mkdir(&parent, dentry));
		*slash = '/';
	}
}

static int flags_of(u32 disposition)
{
	switch (disposition) {
	case FILE_CREATE:
		return O_CREAT | O_EXCL;
	case FILE_OPEN_IF:
		return O_CREAT;
	case FILE_OVERWRITE:
		return O_TRUNC;
	case FILE_SUPERSEDE:
	case FILE_OVERWRITE_IF:
		return O_CREAT | O_TRUNC;
	default:
		return 0;
	}
}

static NTSTATUS open_status(long error)
{
	switch (error) {
	case -ENOENT:
		return STATUS_OBJECT_NAME_NOT_FOUND;
	case -EEXIST:
		return STATUS_OBJECT_NAME_COLLISION;
	default:
		return STATUS_ACCESS_DENIED;
	}
}

static NTSTATUS MS ZwCreateFile(u64 *handle, u32 access, const struct object_attributes *attributes,
				struct io_status *io, s64 *allocation, u32 file_attributes, u32 share,
				u32 disposition, u32 options, void *ea, u32 ea_length)
{
	struct object *object;
	struct file *file;
	char path[PATH_LENGTH];

	verifier_require_passive(ZwCreateFile);
	if (!to_path(attributes->name, path))
		return STATUS_OBJECT_PATH_SYNTAX_BAD;
	make_folders(path);
	file = filp_open(path, O_RDWR | O_LARGEFILE | flags_of(disposition), 0600);
	if (IS_ERR(file))
		return open_status(PTR_ERR(file));
	object = object_create();
	if (!object) {
		fput(file);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	object->file = file;
	*handle = handle_open(object);
	if (!*handle) {
		object_put(object);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	*io = (struct io_status){ STATUS_SUCCESS, 0 };
	return STATUS_SUCCESS;
}

static NTSTATUS MS ZwOpenFile(u64 *handle, u32 access, const struct object_attributes *attributes, struct io_status *io,
			      u32 share, u32 options)
{
	return ZwCreateFile(handle, access, attributes, io, NULL, 0, share, FILE_OPEN, options, NULL, 0);
}

static NTSTATUS transfer(u64 handle, struct io_status *io, void *buffer, u32 length, const s64 *offset, bool write)
{
	struct object *object = handle_get(handle);
	loff_t position;
	ssize_t done;

	if (!object)
		return STATUS_INVALID_HANDLE;
	if (!object->file) {
		object_put(object);
		return STATUS_INVALID_HANDLE;
	}
	position = offset && *offset >= 0 ? *offset : object->file->f_pos;
	done = write ? kernel_write(object->file, buffer, length, &position)
		     : kernel_read(object->file, buffer, length, &position);
	object->file->f_pos = position;
	object_put(object);
	io->information = max_t(ssize_t, done, 0);
	io->status = done < 0 ? STATUS_UNSUCCESSFUL : !done && length && !write ? STATUS_END_OF_FILE : STATUS_SUCCESS;
	return io->status;
}

static NTSTATUS MS ZwWriteFile(u64 handle, u64 event, void *routine, void *context, struct io_status *io,
			       void *buffer, u32 length, const s64 *offset, u32 *key)
{
	verifier_require_passive(ZwWriteFile);
	return transfer(handle, io, buffer, length, offset, true);
}

static NTSTATUS MS ZwReadFile(u64 handle, u64 event, void *routine, void *context, struct io_status *io,
			      void *buffer, u32 length, const s64 *offset, u32 *key)
{
	verifier_require_passive(ZwReadFile);
	return transfer(handle, io, buffer, length, offset, false);
}

static NTSTATUS MS ZwFlushBuffersFile(u64 handle, struct io_status *io)
{
	*io = (struct io_status){ STATUS_SUCCESS, 0 };
	return STATUS_SUCCESS;
}

const struct nt_export zw_exports[] = {
	NT_EXPORT(ZwCreateFile),
	NT_EXPORT(ZwOpenFile),
	NT_EXPORT(ZwWriteFile),
	NT_EXPORT(ZwReadFile),
	NT_EXPORT(ZwFlushBuffersFile),
	{}
};
