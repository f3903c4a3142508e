/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers requests on a stream.
 */
#ifndef WSKCTL_SERVE_H
#define WSKCTL_SERVE_H

/* Until the stream ends. The result is the exit status: 1 when what came was no request. */
int serve(const char *port);

#endif
