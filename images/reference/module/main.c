// SPDX-License-Identifier: GPL-2.0-only
/*
 * ntlab: gives a Linux kernel enough of an NT personality to run a Windows
 * network driver. This file is the way in: /dev/ntlab.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ntlab_internal.h"

#define BUFFER_TAG 0x20667562u	/* "buf " */

typedef NTSTATUS MS (*driver_entry)(struct driver_object *driver, struct unicode_string *registry_path);

struct loaded {
	struct list_head list;
	char name[NTLAB_NAME_LENGTH];
	struct pe_image image;
	struct driver_object object;
};

static LIST_HEAD(loaded_drivers);
static DECLARE_RWSEM(drivers_lock);	/* read: a request is in a driver; write: load, unload */

static NTSTATUS MS invalid_request(struct device_object *device, struct irp *irp)
{
	irp->status = STATUS_INVALID_DEVICE_REQUEST;
	irp->information = 0;
	IofCompleteRequest(irp, 0);
	return STATUS_INVALID_DEVICE_REQUEST;
}

static struct loaded *find_loaded(const char *name)
{
	struct loaded *loaded;

	list_for_each_entry(loaded, &loaded_drivers, list)
		if (!strcmp(loaded->name, name))
			return loaded;
	return NULL;
}

static NTSTATUS enter_driver(struct loaded *loaded)
{
	static u16 registry_path[] = { 'r', 'e', 'g', 0 };
	struct unicode_string path = { 6, 8, 0, registry_path };
	int i;

	loaded->object.type = 4;
	loaded->object.size = sizeof(loaded->object);
	loaded->object.start = loaded->image.base;
	loaded->object.image_size = loaded->image.size;
	for (i = 0; i < IRP_MJ_COUNT; i++)
		loaded->object.major_function[i] = invalid_request;
	return ((driver_entry)(loaded->image.base + loaded->image.entry))(&loaded->object, &path);
}

/* Before the image goes: nothing may be left that lies in it or belongs to it. */
static void check_unload(const struct loaded *loaded)
{
	io_check_unload(&loaded->object);
	wsk_check_unload(loaded->image.base, loaded->image.size);
	pool_check_unload(loaded->image.base, loaded->image.size);
}

static NTSTATUS load(const struct ntlab_driver *request)
{
	struct loaded *loaded;
	NTSTATUS status;

	if (find_loaded(request->name))
		return STATUS_OBJECT_NAME_COLLISION;
	loaded = kzalloc(sizeof(*loaded), GFP_KERNEL);
	if (!loaded)
		return STATUS_INSUFFICIENT_RESOURCES;
	strscpy(loaded->name, request->name, sizeof(loaded->name));
	status = pe_load(request->path, &loaded->image);
	if (!NT_SUCCESS(status))
		goto failed;
	status = enter_driver(loaded);
	if (!NT_SUCCESS(status)) {
		pr_err("ntlab: DriverEntry of %s returned 0x%08x\n", loaded->name, status);
		io_drop_driver(&loaded->object);
		check_unload(loaded);
		pe_unload(&loaded->image);
		goto failed;
	}
	list_add(&loaded->list, &loaded_drivers);
	return STATUS_SUCCESS;
failed:
	kfree(loaded);
	return status;
}

static NTSTATUS unload(const struct ntlab_driver *request)
{
	struct loaded *loaded = find_loaded(request->name);
	int depth;

	if (!loaded)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	if (!loaded->object.unload)
		return STATUS_INVALID_DEVICE_REQUEST;
	depth = preempt_count();
	loaded->object.unload(&loaded->object);
	verifier_irql_unchanged((u64)loaded->object.unload, PASSIVE_LEVEL, depth);
	check_unload(loaded);
	list_del(&loaded->list);
	pe_unload(&loaded->image);
	kfree(loaded);
	return STATUS_SUCCESS;
}

static long driver_request(struct ntlab_driver __user *user, NTSTATUS (*action)(const struct ntlab_driver *))
{
	struct ntlab_driver *request = memdup_user(user, sizeof(*request));

	if (IS_ERR(request))
		return PTR_ERR(request);
	request->name[sizeof(request->name) - 1] = '\0';
	request->path[sizeof(request->path) - 1] = '\0';
	down_write(&drivers_lock);
	request->status = action(request);
	up_write(&drivers_lock);
	if (put_user(request->status, &user->status)) {
		kfree(request);
		return -EFAULT;
	}
	kfree(request);
	return 0;
}

static NTSTATUS send_control(struct ntlab_control *control, void *buffer)
{
	struct device_object *device = io_find_device(control->device);

	if (!device)
		return STATUS_OBJECT_NAME_NOT_FOUND;
	return io_device_control(device, control->code, buffer, control->input_size, control->output_size,
				 &control->written);
}

static long control_with_buffer(struct ntlab_control *control, void *buffer)
{
	if (copy_from_user(buffer, u64_to_user_ptr(control->input), control->input_size))
		return -EFAULT;
	down_read(&drivers_lock);
	control->written = 0;
	control->status = send_control(control, buffer);
	up_read(&drivers_lock);
	if (copy_to_user(u64_to_user_ptr(control->output), buffer, control->written))
		return -EFAULT;
	return 0;
}

static long control_request(struct ntlab_control __user *user)
{
	struct ntlab_control control;
	void *buffer;
	long error;

	if (copy_from_user(&control, user, sizeof(control)))
		return -EFAULT;
	if (max(control.input_size, control.output_size) > NTLAB_MAX_BUFFER)
		return -EINVAL;
	control.device[sizeof(control.device) - 1] = '\0';
	buffer = pool_allocate(max(control.input_size, control.output_size), BUFFER_TAG);
	if (!buffer)
		return -ENOMEM;
	error = control_with_buffer(&control, buffer);
	ExFreePoolWithTag(buffer, BUFFER_TAG);
	if (!error && copy_to_user(user, &control, sizeof(control)))
		error = -EFAULT;
	return error;
}

static long ntlab_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	switch (command) {
	case NTLAB_LOAD:
		return driver_request((void __user *)argument, load);
	case NTLAB_UNLOAD:
		return driver_request((void __user *)argument, unload);
	case NTLAB_CONTROL:
		return control_request((void __user *)argument);
	default:
		return -ENOTTY;
	}
}

static int ntlab_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_MODULE) ? 0 : -EPERM;
}

static const struct file_operations ntlab_operations = {
	.owner = THIS_MODULE,
	.open = ntlab_open,
	.unlocked_ioctl = ntlab_ioctl,
};

static struct miscdevice ntlab_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ntlab",
	.fops = &ntlab_operations,
	.mode = 0600,
};

static int __init ntlab_init(void)
{
	int error = pe_init();

	if (error)
		return error;
	ke_dpc_init();
	error = work_init();
	if (error)
		return error;
	error = wsk_init();
	if (error)
		goto no_wsk;
	error = misc_register(&ntlab_device);
	if (!error)
		return 0;
	wsk_exit();
no_wsk:
	work_exit();
	return error;
}

static void __exit ntlab_exit(void)
{
	misc_deregister(&ntlab_device);
	noise_exit();
	wsk_exit();
	work_exit();
	ke_dpc_exit();
}

module_init(ntlab_init);
module_exit(ntlab_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("NT personality and WSK provider for Windows network drivers");
