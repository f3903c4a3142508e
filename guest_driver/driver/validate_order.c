/* SPDX-License-Identifier: Apache-2.0
 *
 * What steps may say of one another: waits, loops, barriers, IRPs that are
 * reused, steps that completions and callbacks perform.
 */
#include "kind.h"
#include "validate_order.h"

static BOOLEAN IsDangerous(const struct wsktest_scenario *scenario)
{
    return !!(scenario->flags & WSKTEST_SCENARIO_DANGEROUS);
}

static BOOLEAN IsInLoop(const SEEN *seen, ULONG index)
{
    return index < seen->loop_end;
}

static BOOLEAN KindEnds(ULONG kind)
{
    return KindIsCall(kind) || kind == WSKTEST_STEP_DEREGISTER;
}

/* WAIT: for a step before it; in a loop, for one of the same round. */
static ULONG CheckWait(const struct wsktest_scenario *scenario, ULONG index, SEEN *seen)
{
    const struct wsktest_step *steps = ScenarioSteps(scenario);
    ULONG target = steps[index].target;

    if (target >= index || !KindEnds(steps[target].kind))
        return WSKTEST_REJECT_TARGET;
    seen->waited[target] = (UCHAR)(steps[index].strand + 1);
    if (steps[target].kind == WSKTEST_STEP_ACCEPT && seen->accepting[steps[target].socket] == target + 1)
        seen->accepting[steps[target].socket] = 0;
    return WSKTEST_REJECT_NONE;
}

/* CANCEL: in a loop, only by the strand that makes the IRP ready again. */
static ULONG CheckCancel(const struct wsktest_scenario *scenario, ULONG index, const SEEN *seen)
{
    const struct wsktest_step *steps = ScenarioSteps(scenario);
    ULONG target = steps[index].target;

    if (target >= index || !KindHasIrp(steps[target].kind))
        return WSKTEST_REJECT_TARGET;
    if (seen->looped[target] && steps[target].strand != steps[index].strand)
        return WSKTEST_REJECT_ORDER;
    return WSKTEST_REJECT_NONE;
}

/* One of each strand. Where one strand comes to it more often than another, its limit ends the run. */
static ULONG CheckBarrier(const struct wsktest_scenario *scenario, ULONG index)
{
    const struct wsktest_step *steps = ScenarioSteps(scenario);

    if (steps[index].target >= WSKTEST_MAX_BARRIERS)
        return WSKTEST_REJECT_TARGET;
    for (ULONG i = 0; i < index; i++)
        if (steps[i].kind == WSKTEST_STEP_BARRIER && steps[i].target == steps[index].target &&
            steps[i].strand == steps[index].strand)
            return WSKTEST_REJECT_ORDER;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN MayRepeat(const struct wsktest_step *step)
{
    return !StepIsHooked(step) && step->kind != WSKTEST_STEP_REPEAT &&
           step->kind != WSKTEST_STEP_WAIT_EVENT && step->kind != WSKTEST_STEP_ON_EVENT &&
           step->kind != WSKTEST_STEP_DEREGISTER && step->kind != WSKTEST_STEP_RELEASE_NPI &&
           step->irp != WSKTEST_IRP_REUSED;
}

static ULONG CheckRepeat(const struct wsktest_scenario *scenario, ULONG index, SEEN *seen)
{
    const struct wsktest_step *steps = ScenarioSteps(scenario);
    ULONG length = steps[index].target;

    if (length > scenario->step_count - index - 1)
        return WSKTEST_REJECT_TARGET;
    for (ULONG i = index + 1; i <= index + length; i++) {
        if (!MayRepeat(&steps[i]) || steps[i].strand != steps[index].strand)
            return WSKTEST_REJECT_ORDER;
        seen->looped[i] = TRUE;
    }
    seen->loop_begin = index + 1;
    seen->loop_end = index + 1 + length;
    return WSKTEST_REJECT_NONE;
}

/* An IRP is handed on once, by a step that the strand itself has waited for. */
static ULONG CheckReuse(const struct wsktest_scenario *scenario, ULONG index, SEEN *seen)
{
    const struct wsktest_step *steps = ScenarioSteps(scenario);
    ULONG from = steps[index].irp_of;

    if (from >= index || StepIsHooked(&steps[index]) || !KindHasIrp(steps[from].kind) ||
        steps[from].irp == WSKTEST_IRP_NONE || seen->waited[from] != steps[index].strand + 1 ||
        seen->handed_on[from])
        return WSKTEST_REJECT_TARGET;
    seen->handed_on[from] = TRUE;
    return WSKTEST_REJECT_NONE;
}

static ULONG CheckHook(const struct wsktest_scenario *scenario, ULONG index, const SEEN *seen)
{
    const struct wsktest_step *steps = ScenarioSteps(scenario);
    const struct wsktest_step *step = &steps[index];

    if (step->context == WSKTEST_CONTEXT_COMPLETION)
        return step->within < index && KindEnds(steps[step->within].kind) ? WSKTEST_REJECT_NONE
                                                                          : WSKTEST_REJECT_TARGET;
    return step->within < WSKTEST_MAX_SOCKETS && seen->created & 1ULL << step->within ? WSKTEST_REJECT_NONE
                                                                                      : WSKTEST_REJECT_TARGET;
}

/* Two accepts at a time on one listener have been seen to hang Windows. */
static ULONG CheckAccept(const struct wsktest_scenario *scenario, ULONG index, SEEN *seen)
{
    const struct wsktest_step *step = &ScenarioSteps(scenario)[index];

    if (seen->accepting[step->socket] && !IsDangerous(scenario))
        return WSKTEST_REJECT_DANGEROUS;
    seen->accepting[step->socket] = index + 1;
    return WSKTEST_REJECT_NONE;
}

static ULONG CheckOrderOfCall(const struct wsktest_scenario *scenario, ULONG index, SEEN *seen)
{
    const struct wsktest_step *step = &ScenarioSteps(scenario)[index];
    ULONG reject = WSKTEST_REJECT_NONE;

    if (StepIsHooked(step))
        reject = CheckHook(scenario, index, seen);
    if (!reject && step->irp == WSKTEST_IRP_REUSED)
        reject = CheckReuse(scenario, index, seen);
    if (!reject && step->kind == WSKTEST_STEP_ACCEPT)
        reject = CheckAccept(scenario, index, seen);
    if (!reject && step->kind == WSKTEST_STEP_CLOSE)
        seen->closed |= 1ULL << step->socket;
    return reject;
}

ULONG ValidateOrder(const struct wsktest_scenario *scenario, ULONG index, SEEN *seen)
{
    const struct wsktest_step *step = &ScenarioSteps(scenario)[index];

    switch (step->kind) {
    case WSKTEST_STEP_WAIT:
        return CheckWait(scenario, index, seen);
    case WSKTEST_STEP_CANCEL:
        return CheckCancel(scenario, index, seen);
    case WSKTEST_STEP_BARRIER:
        return CheckBarrier(scenario, index);
    case WSKTEST_STEP_REPEAT:
        return CheckRepeat(scenario, index, seen);
    default:
        return KindIsCall(step->kind) ? CheckOrderOfCall(scenario, index, seen) : WSKTEST_REJECT_NONE;
    }
}

/* Each round of a loop must leave its steps as it found them: calls are over, and what
 * it made it has closed. */
static BOOLEAN RoundIsWhole(const struct wsktest_step *step, ULONG index, const SEEN *seen)
{
    ULONG made = step->kind == WSKTEST_STEP_ACCEPT ? step->target : step->socket;

    if (!KindIsCall(step->kind))
        return TRUE;
    if (step->irp != WSKTEST_IRP_NONE && KindHasIrp(step->kind) && !seen->waited[index])
        return FALSE;
    if (KindCreatesSocket(step->kind) || step->kind == WSKTEST_STEP_ACCEPT)
        return !!(seen->closed & 1ULL << made);
    return TRUE;
}

static BOOLEAN ClosesItsOwn(const struct wsktest_step *steps, ULONG close, const SEEN *seen)
{
    for (ULONG i = seen->loop_begin; i < close; i++)
        if ((KindCreatesSocket(steps[i].kind) && steps[i].socket == steps[close].socket) ||
            (steps[i].kind == WSKTEST_STEP_ACCEPT && steps[i].target == steps[close].socket))
            return TRUE;
    return FALSE;
}

ULONG ValidateLoopEnd(const struct wsktest_scenario *scenario, ULONG index, const SEEN *seen)
{
    const struct wsktest_step *steps = ScenarioSteps(scenario);

    for (ULONG i = seen->loop_begin; IsInLoop(seen, i) && i <= index; i++) {
        if (!RoundIsWhole(&steps[i], i, seen))
            return WSKTEST_REJECT_ORDER;
        if (steps[i].kind == WSKTEST_STEP_CLOSE && !ClosesItsOwn(steps, i, seen))
            return WSKTEST_REJECT_ORDER;
    }
    return WSKTEST_REJECT_NONE;
}
