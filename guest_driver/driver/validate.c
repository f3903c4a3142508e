/* SPDX-License-Identifier: Apache-2.0
 *
 * A scenario comes from user mode and is trusted with nothing: every number is
 * checked before a step runs. What passes here can be performed without a
 * further look at sizes, offsets and indices.
 */
#include "validate.h"
#include "validate_order.h"
#include "validate_step.h"

#define SCENARIO_FLAGS (WSKTEST_SCENARIO_DANGEROUS | WSKTEST_SCENARIO_OWN_CLIENT)

static ULONG CheckHeader(const struct wsktest_scenario *scenario, ULONG size)
{
    if (size < sizeof(*scenario))
        return WSKTEST_REJECT_TRUNCATED;
    if (scenario->magic != WSKTEST_SCENARIO_MAGIC)
        return WSKTEST_REJECT_MAGIC;
    if (scenario->version != WSKTEST_ABI_VERSION)
        return WSKTEST_REJECT_VERSION;
    if (scenario->header_size != sizeof(*scenario) || scenario->step_size != sizeof(struct wsktest_step))
        return WSKTEST_REJECT_LAYOUT;
    if (scenario->total_size > size)
        return WSKTEST_REJECT_TRUNCATED;
    if (scenario->total_size > WSKTEST_MAX_SCENARIO || scenario->step_count > WSKTEST_MAX_STEPS ||
        scenario->event_capacity > WSKTEST_MAX_EVENTS || scenario->receive_size > WSKTEST_MAX_RECEIVE ||
        scenario->recovery_ms > WSKTEST_MAX_LIMIT_MS || scenario->flags & ~SCENARIO_FLAGS)
        return WSKTEST_REJECT_LIMITS;
    return WSKTEST_REJECT_NONE;
}

/* The parts follow one another without gaps: header, steps, data. */
static ULONG CheckLayout(const struct wsktest_scenario *scenario)
{
    ULONG64 data_offset = sizeof(*scenario) + (ULONG64)scenario->step_count * sizeof(struct wsktest_step);

    if (scenario->steps_offset != sizeof(*scenario) || scenario->data_offset != data_offset ||
        data_offset + scenario->data_size != scenario->total_size)
        return WSKTEST_REJECT_LAYOUT;
    return WSKTEST_REJECT_NONE;
}

static ULONG CheckSteps(const struct wsktest_scenario *scenario, SEEN *seen, ULONG *step)
{
    for (ULONG i = 0; i < scenario->step_count; i++) {
        ULONG reject = ValidateStep(scenario, i, seen);

        if (!reject)
            reject = ValidateOrder(scenario, i, seen);
        if (!reject && seen->loop_end == i + 1)
            reject = ValidateLoopEnd(scenario, i, seen);
        if (reject) {
            *step = i;
            return reject;
        }
    }
    return WSKTEST_REJECT_NONE;
}

VERDICT ValidateScenario(const VOID *bytes, ULONG size)
{
    const struct wsktest_scenario *scenario = bytes;
    VERDICT verdict = {CheckHeader(scenario, size), WSKTEST_NO_STEP};
    SEEN *seen;

    if (!verdict.reject)
        verdict.reject = CheckLayout(scenario);
    if (verdict.reject)
        return verdict;
    seen = PoolAllocate(sizeof(*seen));
    verdict.reject = seen ? CheckSteps(scenario, seen, &verdict.step) : WSKTEST_REJECT_MEMORY;
    PoolFree(seen);
    return verdict;
}
