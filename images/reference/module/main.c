// SPDX-License-Identifier: GPL-2.0-only
/*
 * ntlab: gives a Linux kernel enough of an NT personality to run a Windows
 * network driver. This file is the way in: /dev/ntlab.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait_bit.h>

#include "driver_object.h"
#include "io_request.h"
#include "ntlab_internal.h"

#define BUFFER_TAG 0x20667562u	/* "buf " */

typedef NTSTATUS MS (*driver_entry)(struct driver_object *driver, struct unicode_string *registry_path);

struct loaded {
	struct list_head list;
	char name[NTLAB_NAME_LENGTH];
	struct pe_image image;
	struct driver_identity driver;
	NTSTATUS status;	/* of its DriverEntry */
	atomic_t users;		/* requests that are in it */
	bool leaving;		/* no more are let in */
};

static LIST_HEAD(loaded_drivers);
static DEFINE_MUTEX(drivers_lock);	/* of the list, and of who is let in; no driver is called with it */

static struct loaded *loaded_of(struct device_object *device)
{
	return container_of(device->driver, struct loaded, driver.object);
}

static struct loaded *find_loaded(const char *name)
{
	struct loaded *loaded;

	list_for_each_entry(loaded, &loaded_drivers, list)
		if (!strcmp(loaded->name, name))
			return loaded;
	return NULL;
}

static void call_entry(void *argument)
{
	struct loaded *loaded = argument;
	driver_entry entry = (driver_entry)(loaded->image.base + loaded->image.entry);

	loaded->status = entry(&loaded->driver.object, &loaded->driver.registry_path);
}

static void call_unload(void *argument)
{
	struct loaded *loaded = argument;

	loaded->driver.object.unload(&loaded->driver.object);
}

static NTSTATUS enter_driver(struct loaded *loaded)
{
	driver_identify(&loaded->driver, loaded->name, &loaded->image);
	driver_run_as_system(call_entry, loaded);
	return loaded->status;
}

/* Before the image goes: nothing may be left that lies in it or belongs to it. */
static void check_unload(const struct loaded *loaded)
{
	work_flush();
	io_check_unload(&loaded->driver.object);
	ke_dpc_check_unload(loaded->image.base, loaded->image.size);
	ps_check_unload(loaded->image.base, loaded->image.size);
	wsk_check_unload(loaded->image.base, loaded->image.size);
	ex_timer_flush();	/* not before a DPC that was left has been found: it waits for them */
	pool_check_unload(loaded->image.base, loaded->image.size);
}

/* On the list from before its DriverEntry, so that its name is taken; nobody is let in until that has returned. */
static NTSTATUS add_loaded(struct loaded *loaded)
{
	bool taken;

	mutex_lock(&drivers_lock);
	taken = find_loaded(loaded->name);
	if (!taken)
		list_add(&loaded->list, &loaded_drivers);
	mutex_unlock(&drivers_lock);
	return taken ? STATUS_OBJECT_NAME_COLLISION : STATUS_SUCCESS;
}

static void remove_loaded(struct loaded *loaded)
{
	mutex_lock(&drivers_lock);
	list_del(&loaded->list);
	mutex_unlock(&drivers_lock);
}

static void let_in(struct loaded *loaded, bool in)
{
	mutex_lock(&drivers_lock);
	loaded->leaving = !in;
	mutex_unlock(&drivers_lock);
}

static NTSTATUS start(struct loaded *loaded, const char *path)
{
	NTSTATUS status = pe_load(path, loaded->name, &loaded->image);

	if (!NT_SUCCESS(status))
		return status;
	status = enter_driver(loaded);
	if (NT_SUCCESS(status))
		return status;
	pr_err("ntlab: DriverEntry of %s returned 0x%08x\n", loaded->name, status);
	io_drop_driver(&loaded->driver.object);
	check_unload(loaded);
	pe_unload(&loaded->image);
	return status;
}

static NTSTATUS load(const struct ntlab_driver *request)
{
	struct loaded *loaded = kzalloc(sizeof(*loaded), GFP_KERNEL);
	NTSTATUS status;

	if (!loaded)
		return STATUS_INSUFFICIENT_RESOURCES;
	strscpy(loaded->name, request->name, sizeof(loaded->name));
	loaded->leaving = true;
	status = add_loaded(loaded);
	if (!NT_SUCCESS(status)) {
		kfree(loaded);
		return status;
	}
	status = start(loaded, request->path);
	if (NT_SUCCESS(status)) {
		let_in(loaded, true);
		return status;
	}
	remove_loaded(loaded);
	kfree(loaded);
	return status;
}

/* The driver, which nobody is let into any more; NULL and why not. */
static struct loaded *leave(const char *name, NTSTATUS *status)
{
	struct loaded *loaded;

	mutex_lock(&drivers_lock);
	loaded = find_loaded(name);
	*status = !loaded	       ? STATUS_OBJECT_NAME_NOT_FOUND :
		  loaded->leaving      ? STATUS_DELETE_PENDING :
		  !loaded->driver.object.unload ? STATUS_INVALID_DEVICE_REQUEST :
					 STATUS_SUCCESS;
	if (NT_SUCCESS(*status))
		loaded->leaving = true;
	mutex_unlock(&drivers_lock);
	return NT_SUCCESS(*status) ? loaded : NULL;
}

static NTSTATUS unload(const struct ntlab_driver *request)
{
	NTSTATUS status;
	struct loaded *loaded = leave(request->name, &status);
	int depth;

	if (!loaded)
		return status;
	wait_var_event(&loaded->users, !atomic_read(&loaded->users));
	depth = preempt_count();
	driver_run_as_system(call_unload, loaded);
	verifier_irql_unchanged((u64)loaded->driver.object.unload, PASSIVE_LEVEL, depth);
	check_unload(loaded);
	remove_loaded(loaded);
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
	request->status = action(request);
	if (put_user(request->status, &user->status)) {
		kfree(request);
		return -EFAULT;
	}
	kfree(request);
	return 0;
}

/* The device that a request is for; its driver stays until come_out(). NULL for none, or one that is leaving. */
static struct device_object *go_in(const char *name)
{
	struct device_object *device;

	mutex_lock(&drivers_lock);
	device = io_find_device(name);
	if (device && loaded_of(device)->leaving)
		device = NULL;
	if (device)
		atomic_inc(&loaded_of(device)->users);
	mutex_unlock(&drivers_lock);
	return device;
}

static void come_out(struct loaded *loaded)
{
	if (atomic_dec_and_test(&loaded->users))
		wake_up_var(&loaded->users);
}

static NTSTATUS send_control(const char *name, struct io_control *control)
{
	struct device_object *device = go_in(name);
	struct loaded *loaded;
	NTSTATUS status;

	if (!device) {
		pr_err("ntlab: no driver has a device %s\n", name);
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	loaded = loaded_of(device);
	status = io_device_control(device, control);
	come_out(loaded);
	return status;
}

/* Copies in what the program gives, and out what the driver has left: all of a direct buffer, which is the program's
 * own memory to the driver, and of a buffered one as much as it says. */
static long control_with_buffers(struct ntlab_control *request, struct io_control *control)
{
	void __user *output = u64_to_user_ptr(request->output);

	if (copy_from_user(control->system, u64_to_user_ptr(request->input), control->input_size))
		return -EFAULT;
	if (control->direct && copy_from_user(control->direct, output, control->output_size))
		return -EFAULT;
	request->status = send_control(request->device, control);
	request->written = control->written;
	if (control->direct)
		return copy_to_user(output, control->direct, control->output_size) ? -EFAULT : 0;
	return copy_to_user(output, control->system, control->written) ? -EFAULT : 0;
}

static long control_with_memory(struct ntlab_control *request)
{
	struct io_control control = {
		.code = request->code, .input_size = request->input_size, .output_size = request->output_size,
	};
	bool direct = io_is_direct(request->code) && request->output_size;
	long error = -ENOMEM;

	control.system = pool_allocate(direct ? request->input_size : max(request->input_size, request->output_size),
				       BUFFER_TAG);
	control.direct = direct ? pool_allocate(request->output_size, BUFFER_TAG) : NULL;
	if (control.system && !control.direct == !direct)
		error = control_with_buffers(request, &control);
	if (control.direct)
		ExFreePoolWithTag(control.direct, BUFFER_TAG);
	if (control.system)
		ExFreePoolWithTag(control.system, BUFFER_TAG);
	return error;
}

static long control_request(struct ntlab_control __user *user)
{
	struct ntlab_control request;
	long error;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	if (max(request.input_size, request.output_size) > NTLAB_MAX_BUFFER)
		return -EINVAL;
	request.device[sizeof(request.device) - 1] = '\0';
	error = control_with_memory(&request);
	if (!error && copy_to_user(user, &request, sizeof(request)))
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
	error = registers_init();
	if (error)
		return error;
	error = shared_init();
	if (error)
		goto no_shared;
	error = traps_init();
	if (error)
		goto no_trap;
	ke_dpc_init();
	error = work_init();
	if (error)
		goto no_work;
	error = wsk_init();
	if (error)
		goto no_wsk;
	error = misc_register(&ntlab_device);
	if (!error) {
		watchdog_init();
		return 0;
	}
	wsk_exit();
no_wsk:
	work_exit();
no_work:
	traps_exit();
no_trap:
	shared_exit();
no_shared:
	registers_exit();
	return error;
}

static void __exit ntlab_exit(void)
{
	misc_deregister(&ntlab_device);
	watchdog_exit();
	noise_exit();
	wsk_exit();
	work_exit();
	ke_dpc_exit();
	traps_exit();
	shared_exit();
	registers_exit();
}

module_init(ntlab_init);
module_exit(ntlab_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("NT personality and WSK provider for Windows network drivers");
