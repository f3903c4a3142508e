/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Policy (see policy.h): how long a processor takes between two steps of the provider's.
 */
#ifndef POLICY_RACES_H
#define POLICY_RACES_H

/* A place where others may come between: called without a spin lock, at any level. */
void policy_pause(void);

#endif
