/* SPDX-License-Identifier: Apache-2.0
 *
 * What steps may say of one another: waits, loops, barriers, IRPs that are
 * reused, steps that completions and callbacks perform.
 */
#include "wsktest.h"

static BOOLEAN dangerous(const struct wsktest_scenario *scenario)
{
    return !!(scenario->flags & WSKTEST_SCENARIO_DANGEROUS);
}

static BOOLEAN in_loop(const struct seen *seen, ULONG index)
{
    return index < seen->loop_end;
}

static BOOLEAN ends(ULONG kind)
{
    return kind_is_call(kind) || kind == WSKTEST_STEP_DEREGISTER;
}

/* WAIT: for a step before it; in a loop, for one of the same round. */
static ULONG check_wait(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen)
{
    const struct wsktest_step *steps = scenario_steps(scenario);
    ULONG target = steps[index].target;

    if (target >= index || !ends(steps[target].kind))
        return WSKTEST_REJECT_TARGET;
    seen->waited[target] = (UCHAR)(steps[index].strand + 1);
    if (steps[target].kind == WSKTEST_STEP_ACCEPT && seen->accepting[steps[target].socket] == target + 1)
        seen->accepting[steps[target].socket] = 0;
    return WSKTEST_REJECT_NONE;
}

/* CANCEL: in a loop, only by the strand that makes the IRP ready again. */
static ULONG check_cancel(const struct wsktest_scenario *scenario, ULONG index, const struct seen *seen)
{
    const struct wsktest_step *steps = scenario_steps(scenario);
    ULONG target = steps[index].target;

    if (target >= index || !kind_has_irp(steps[target].kind))
        return WSKTEST_REJECT_TARGET;
    if (seen->looped[target] && steps[target].strand != steps[index].strand)
        return WSKTEST_REJECT_ORDER;
    return WSKTEST_REJECT_NONE;
}

/* One of each strand. Where one strand comes to it more often than another, its limit ends the run. */
static ULONG check_barrier(const struct wsktest_scenario *scenario, ULONG index)
{
    const struct wsktest_step *steps = scenario_steps(scenario);

    if (steps[index].target >= WSKTEST_MAX_BARRIERS)
        return WSKTEST_REJECT_TARGET;
    for (ULONG i = 0; i < index; i++)
        if (steps[i].kind == WSKTEST_STEP_BARRIER && steps[i].target == steps[index].target &&
            steps[i].strand == steps[index].strand)
            return WSKTEST_REJECT_ORDER;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN may_repeat(const struct wsktest_step *step)
{
    return !kind_hooks(step) && step->kind != WSKTEST_STEP_REPEAT && step->kind != WSKTEST_STEP_WAIT_EVENT &&
           step->kind != WSKTEST_STEP_ON_EVENT && step->kind != WSKTEST_STEP_DEREGISTER &&
           step->kind != WSKTEST_STEP_RELEASE_NPI && step->irp != WSKTEST_IRP_REUSED;
}

static ULONG check_repeat(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen)
{
    const struct wsktest_step *steps = scenario_steps(scenario);
    ULONG length = steps[index].target;

    if (length > scenario->step_count - index - 1)
        return WSKTEST_REJECT_TARGET;
    for (ULONG i = index + 1; i <= index + length; i++) {
        if (!may_repeat(&steps[i]) || steps[i].strand != steps[index].strand)
            return WSKTEST_REJECT_ORDER;
        seen->looped[i] = TRUE;
    }
    seen->loop_begin = index + 1;
    seen->loop_end = index + 1 + length;
    return WSKTEST_REJECT_NONE;
}

/* An IRP is handed on once, by a step that the strand itself has waited for. */
static ULONG check_reuse(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen)
{
    const struct wsktest_step *steps = scenario_steps(scenario);
    ULONG from = steps[index].irp_of;

    if (from >= index || kind_hooks(&steps[index]) || !kind_has_irp(steps[from].kind) || steps[from].irp == WSKTEST_IRP_NONE ||
        seen->waited[from] != steps[index].strand + 1 || seen->handed_on[from])
        return WSKTEST_REJECT_TARGET;
    seen->handed_on[from] = TRUE;
    return WSKTEST_REJECT_NONE;
}

static ULONG check_hook(const struct wsktest_scenario *scenario, ULONG index, const struct seen *seen)
{
    const struct wsktest_step *steps = scenario_steps(scenario);
    const struct wsktest_step *step = &steps[index];

    if (step->context == WSKTEST_CONTEXT_COMPLETION)
        return step->within < index && ends(steps[step->within].kind) ? WSKTEST_REJECT_NONE
                                                                      : WSKTEST_REJECT_TARGET;
    return step->within < WSKTEST_MAX_SOCKETS && seen->created & 1ULL << step->within
               ? WSKTEST_REJECT_NONE
               : WSKTEST_REJECT_TARGET;
}

/* Two accepts at a time on one listener have been seen to hang Windows. */
static ULONG check_accept(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen)
{
    const struct wsktest_step *step = &scenario_steps(scenario)[index];

    if (seen->accepting[step->socket] && !dangerous(scenario))
        return WSKTEST_REJECT_DANGEROUS;
    seen->accepting[step->socket] = index + 1;
    return WSKTEST_REJECT_NONE;
}

static ULONG check_order_of_call(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen)
{
    const struct wsktest_step *step = &scenario_steps(scenario)[index];
    ULONG reject = WSKTEST_REJECT_NONE;

    if (kind_hooks(step))
        reject = check_hook(scenario, index, seen);
    if (!reject && step->irp == WSKTEST_IRP_REUSED)
        reject = check_reuse(scenario, index, seen);
    if (!reject && step->kind == WSKTEST_STEP_ACCEPT)
        reject = check_accept(scenario, index, seen);
    if (!reject && step->kind == WSKTEST_STEP_CLOSE)
        seen->closed |= 1ULL << step->socket;
    return reject;
}

ULONG validate_order(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen)
{
    const struct wsktest_step *step = &scenario_steps(scenario)[index];

    switch (step->kind) {
    case WSKTEST_STEP_WAIT:
        return check_wait(scenario, index, seen);
    case WSKTEST_STEP_CANCEL:
        return check_cancel(scenario, index, seen);
    case WSKTEST_STEP_BARRIER:
        return check_barrier(scenario, index);
    case WSKTEST_STEP_REPEAT:
        return check_repeat(scenario, index, seen);
    default:
        return kind_is_call(step->kind) ? check_order_of_call(scenario, index, seen) : WSKTEST_REJECT_NONE;
    }
}

/* Each round of a loop must leave its steps as it found them: calls are over, and what
 * it made it has closed. */
static BOOLEAN round_is_whole(const struct wsktest_step *step, ULONG index, const struct seen *seen)
{
    ULONG made = step->kind == WSKTEST_STEP_ACCEPT ? step->target : step->socket;

    if (!kind_is_call(step->kind))
        return TRUE;
    if (step->irp != WSKTEST_IRP_NONE && kind_has_irp(step->kind) && !seen->waited[index])
        return FALSE;
    if (kind_creates_socket(step->kind) || step->kind == WSKTEST_STEP_ACCEPT)
        return !!(seen->closed & 1ULL << made);
    return TRUE;
}

static BOOLEAN closes_its_own(const struct wsktest_step *steps, ULONG close, const struct seen *seen)
{
    for (ULONG i = seen->loop_begin; i < close; i++)
        if ((kind_creates_socket(steps[i].kind) && steps[i].socket == steps[close].socket) ||
            (steps[i].kind == WSKTEST_STEP_ACCEPT && steps[i].target == steps[close].socket))
            return TRUE;
    return FALSE;
}

ULONG validate_loop_end(const struct wsktest_scenario *scenario, ULONG index, const struct seen *seen)
{
    const struct wsktest_step *steps = scenario_steps(scenario);

    for (ULONG i = seen->loop_begin; in_loop(seen, i) && i <= index; i++) {
        if (!round_is_whole(&steps[i], i, seen))
            return WSKTEST_REJECT_ORDER;
        if (steps[i].kind == WSKTEST_STEP_CLOSE && !closes_its_own(steps, i, seen))
            return WSKTEST_REJECT_ORDER;
    }
    return WSKTEST_REJECT_NONE;
}
