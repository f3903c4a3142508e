/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operating system offers: platform_linux.c or platform_windows.c.
 */
#ifndef WSKCTL_PLATFORM_H
#define WSKCTL_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

#define SERVICE_NAME "wsktest"
#define DEVICE_NAME "WskTest"

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

int platform_thread(void (*function)(void *), void *argument);
void platform_lock(void);
void platform_unlock(void);

#endif
