/* SPDX-License-Identifier: Apache-2.0
 *
 * wskctl's two halves: what it does (wskctl.c, serve.c) and what the operating
 * system has to offer for it (platform_*.c, home_*.c, stream_*.c).
 */
#ifndef WSKCTL_H
#define WSKCTL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../include/wsktest_abi.h"

#define SERVICE_NAME "wsktest"
#define DEVICE_NAME "WskTest"
#define INFO_SIZE 16384

#define STATUS_OK 0u
#define STATUS_NO_MEMORY_HERE 0xc0000017u /* STATUS_NO_MEMORY */
#define STATUS_FAILED_HERE 0xc0000001u    /* STATUS_UNSUCCESSFUL */
#define STATUS_BAD_REQUEST 0xc0000010u    /* STATUS_INVALID_DEVICE_REQUEST */

/* Service management: 0, or -1 after printing what went wrong and what to do. */
int platform_install(const char *path);
int platform_start(void);
int platform_stop(void);
int platform_remove(void);

/* One device control; the result is an NTSTATUS. */
uint32_t platform_control(uint32_t code, const void *input, uint32_t input_size, void *output,
                          uint32_t output_size, uint32_t *written);

/* What is known of the operating system, as key=value lines; where it can be known, the pool
 * in use as pool.TAG=BLOCKS BYTES. */
int platform_info(char *text, size_t size);

/* Gives the guest an address of its own, without asking the network whether it is free, or takes it
 * away; the result is an NTSTATUS. */
uint32_t platform_home(const struct wsktest_home *home);

int platform_thread(void (*function)(void *), void *argument);
void platform_lock(void);
void platform_unlock(void);

/* stream_*.c: what `serve` talks over, a port or, for NULL, standard input and output. Each is 0, or -1
 * when the stream has ended; a port that cannot be opened is printed. They read and write all of it. */
int stream_open(const char *port);
int stream_read(void *bytes, size_t size);
int stream_write(const void *head, size_t head_size, const void *body, size_t body_size);

/* wskctl.c */
uint32_t run_scenario(const void *scenario, uint32_t size, void **trace, uint32_t *trace_size);
uint32_t describe(char *text, size_t size);

/* serve.c: frames on the stream until it ends; the result is the exit status. */
int serve(const char *port);

#endif
