/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames on a stream.
 */
#ifndef WSKCTL_FRAME_H
#define WSKCTL_FRAME_H

#include "../include/wsktest_abi.h"

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

#endif
