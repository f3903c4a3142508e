/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Where the provider can act in more than one way, it asks here: one function for each such point. The
 * plain answer keeps every promise, a freedom keeps them too, in another way, and a fault breaks one. Nothing
 * else knows which of them are on.
 */
#ifndef POLICY_H
#define POLICY_H

#include "policy_calls.h"
#include "policy_close.h"
#include "policy_disconnect.h"
#include "policy_events.h"
#include "policy_module.h"
#include "policy_races.h"
#include "policy_tcp.h"
#include "policy_waiting.h"

#endif
