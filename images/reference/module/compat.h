/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that this module is built for, 6.1 and later:
 * every check of a version is here. What is defined has the newest kernel's meaning.
 */
#ifndef NTLAB_COMPAT_H
#define NTLAB_COMPAT_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/namei.h>
#include <linux/pid.h> /* task_pid_nr(), before 6.3 in linux/sched.h */
#include <linux/socket.h>
#include <linux/version.h>

/* What kernel_bind() and kernel_connect() take. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define compat_sockaddr sockaddr
#else
#define compat_sockaddr sockaddr_unsized
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define compat_start_creating_path kern_path_create
#define compat_end_creating_path done_path_create
#else
#define compat_start_creating_path start_creating_path
#define compat_end_creating_path end_creating_path
#endif

/* Makes the folder `dentry`, its owner's alone. Returns what compat_end_creating_path() wants. */
static inline struct dentry *compat_mkdir(const struct path *parent, struct dentry *dentry)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vfs_mkdir(mnt_user_ns(parent->mnt), d_inode(parent->dentry), dentry, 0700);
	return dentry;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	vfs_mkdir(mnt_idmap(parent->mnt), d_inode(parent->dentry), dentry, 0700);
	return dentry;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
	return vfs_mkdir(mnt_idmap(parent->mnt), d_inode(parent->dentry), dentry, 0700);
#else
	return vfs_mkdir(mnt_idmap(parent->mnt), d_inode(parent->dentry), dentry, 0700, NULL);
#endif
}

/* The connection, or what is left of it in TIME-WAIT, between two addresses. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define compat_lookup_established4(net, ...) \
	inet_lookup_established(net, (net)->ipv4.tcp_death_row.hashinfo, __VA_ARGS__)
#define compat_lookup_established6(net, ...) \
	__inet6_lookup_established(net, (net)->ipv4.tcp_death_row.hashinfo, __VA_ARGS__)
#else
#define compat_lookup_established4 inet_lookup_established
#define compat_lookup_established6 __inet6_lookup_established
#endif

static inline void compat_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#else
	hrtimer_setup(timer, function, clock, mode);
#endif
}

#endif
