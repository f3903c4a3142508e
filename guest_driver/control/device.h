/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of the driver. The results are NTSTATUS values.
 */
#ifndef WSKCTL_DEVICE_H
#define WSKCTL_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#define INFO_SIZE 16384

/* Performs a scenario. On success the caller frees *trace. */
uint32_t device_run(const void *scenario, uint32_t size, void **trace, uint32_t *trace_size);

/* What driver and guest are, one key=value a line. */
uint32_t device_info(char *text, size_t size);

#endif
