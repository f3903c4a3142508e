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

/* stream_*.c: what `serve` talks over, a port or, for NULL, standard input and output. */
#define FOREVER (-1)

/* 0, or -1 for a port that cannot be opened, after saying so. */
int stream_open(const char *port);

/* All of `size` bytes, or what came until the stream ended or, on a serial port, paused for `gap_ms`. */
size_t stream_read(void *bytes, size_t size, int gap_ms);

/* All of both: 0, or -1 when the stream has ended. */
int stream_write(const void *head, size_t head_size, const void *body, size_t body_size);

/* What the port itself says that it lost, or NULL. */
const char *stream_trouble(void);

/* frame.c */
#define FRAME_GAP_MS 10000 /* between bytes of one frame */

enum frame_end {
    FRAME_WHOLE,
    FRAME_NONE,  /* the stream ended where a frame may end */
    FRAME_BROKEN /* the trouble's text says what came instead */
};

struct frame_trouble {
    char text[256];
};

void frame_init(void);
int frame_write(struct wsktest_frame frame, const void *payload);

/* The caller frees *payload of what is FRAME_WHOLE. */
enum frame_end frame_read(struct wsktest_frame *frame, void **payload, struct frame_trouble *trouble);

/* wskctl.c */
uint32_t run_scenario(const void *scenario, uint32_t size, void **trace, uint32_t *trace_size);
uint32_t describe(char *text, size_t size);

/* serve.c: answers requests until the stream ends; the result is the exit status: 1 when what came was no
 * request. */
int serve(const char *port);

#endif
