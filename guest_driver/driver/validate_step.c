/* SPDX-License-Identifier: Apache-2.0
 *
 * What a single step may say, given the sockets that were made before it.
 */
#include "chain.h"
#include "kind.h"
#include "validate_step.h"

static BOOLEAN IsDangerous(const struct wsktest_scenario *scenario)
{
    return !!(scenario->flags & WSKTEST_SCENARIO_DANGEROUS);
}

static BOOLEAN MayLackIrp(ULONG kind)
{
    return kind == WSKTEST_STEP_CONTROL_SOCKET || kind == WSKTEST_STEP_CONTROL_CLIENT;
}

static ULONG CheckIrp(const struct wsktest_scenario *scenario, const struct wsktest_step *step)
{
    if (step->irp > WSKTEST_IRP_PASSED_DOWN || (step->irp && !KindHasIrp(step->kind)))
        return WSKTEST_REJECT_KIND;
    if (step->irp == WSKTEST_IRP_NONE && !MayLackIrp(step->kind) && !IsDangerous(scenario))
        return WSKTEST_REJECT_DANGEROUS;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN IsRacing(const struct wsktest_step *step)
{
    return !!(step->options & WSKTEST_OPTION_RACING);
}

static BOOLEAN OptionsFit(const struct wsktest_step *step)
{
    if (step->options & ~(WSKTEST_OPTION_RACING | WSKTEST_OPTION_POISON))
        return FALSE;
    if (IsRacing(step) && step->kind != WSKTEST_STEP_CLOSE)
        return FALSE;
    return !(step->options & WSKTEST_OPTION_POISON) || step->buffer.mdl_count;
}

static ULONG CheckKind(const struct wsktest_scenario *scenario, const struct wsktest_step *step)
{
    BOOLEAN own = !!(scenario->flags & WSKTEST_SCENARIO_OWN_CLIENT);
    BOOLEAN of_client = step->kind == WSKTEST_STEP_RELEASE_NPI || step->kind == WSKTEST_STEP_DEREGISTER;

    if (step->kind < WSKTEST_STEP_SOCKET || step->kind > WSKTEST_STEP_FREEZE || (of_client && !own) ||
        !OptionsFit(step))
        return WSKTEST_REJECT_KIND;
    if ((step->kind == WSKTEST_STEP_BUGCHECK || step->kind == WSKTEST_STEP_FREEZE || IsRacing(step)) &&
        !IsDangerous(scenario))
        return WSKTEST_REJECT_DANGEROUS;
    return CheckIrp(scenario, step);
}

static ULONG CheckContext(const struct wsktest_step *step)
{
    BOOLEAN any_cpu = step->cpu == WSKTEST_ANY_CPU;

    if (step->context > WSKTEST_CONTEXT_CALLBACK || step->strand >= WSKTEST_MAX_STRANDS)
        return WSKTEST_REJECT_CONTEXT;
    if (!KindIsCall(step->kind) && (step->context || !any_cpu))
        return WSKTEST_REJECT_CONTEXT;
    if (!any_cpu && (StepIsHooked(step) || step->cpu >= KeQueryActiveProcessorCount(NULL)))
        return WSKTEST_REJECT_CONTEXT;
    if (step->callback >= WSKTEST_CALLBACK_COUNT)
        return WSKTEST_REJECT_CONTEXT;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN IsFamily(ULONG family)
{
    return family == WSKTEST_FAMILY_IPV4 || family == WSKTEST_FAMILY_IPV6;
}

static BOOLEAN IsCategory(ULONG category)
{
    return KindDispatchSlot(WSKTEST_STEP_CLOSE, category) != 0;
}

/* Marks `count` slots from `first` on as made. FALSE when one is there already, or is no slot. */
static BOOLEAN MakeSlots(SEEN *seen, ULONG first, ULONG count, ULONG category)
{
    if (count > WSKTEST_MAX_SOCKETS || first > WSKTEST_MAX_SOCKETS - count)
        return FALSE;
    for (ULONG slot = first; slot < first + count; slot++) {
        if (seen->created & 1ULL << slot)
            return FALSE;
        seen->created |= 1ULL << slot;
        seen->category[slot] = (USHORT)category;
    }
    return TRUE;
}

static ULONG CheckCreation(const struct wsktest_step *step, SEEN *seen)
{
    ULONG category = step->kind == WSKTEST_STEP_SOCKET ? step->category : (ULONG)WSKTEST_CATEGORY_CONNECTION;

    if (!IsFamily(step->family))
        return WSKTEST_REJECT_ADDRESS;
    if (!IsCategory(category) || !MakeSlots(seen, step->socket, 1, category))
        return WSKTEST_REJECT_SOCKET;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN HasEvent(ULONG category, ULONG callback)
{
    BOOLEAN connection = callback <= WSKTEST_CALLBACK_SEND_BACKLOG;
    BOOLEAN datagram = callback == WSKTEST_CALLBACK_RECEIVE_FROM;

    switch (category) {
    case WSKTEST_CATEGORY_CONNECTION:
        return connection;
    case WSKTEST_CATEGORY_DATAGRAM:
        return datagram;
    case WSKTEST_CATEGORY_LISTEN:
        return !connection && !datagram;
    case WSKTEST_CATEGORY_STREAM:
        return !datagram;
    default:
        return FALSE;
    }
}

static ULONG AcceptedCategory(const struct wsktest_step *step, const SEEN *seen)
{
    return seen->category[step->socket] == WSKTEST_CATEGORY_STREAM ? WSKTEST_CATEGORY_STREAM
                                                                   : WSKTEST_CATEGORY_CONNECTION;
}

static ULONG CheckAction(const struct wsktest_step *step)
{
    if (step->action > WSKTEST_ACTION_REFUSE || step->delay_us > WSKTEST_MAX_HOLD_US)
        return WSKTEST_REJECT_LIMITS;
    return WSKTEST_REJECT_NONE;
}

static ULONG CheckEvent(const struct wsktest_step *step, SEEN *seen)
{
    BOOLEAN accept = step->callback == WSKTEST_CALLBACK_ACCEPT;

    if (!HasEvent(seen->category[step->socket], step->callback))
        return WSKTEST_REJECT_SOCKET;
    if (step->kind == WSKTEST_STEP_WAIT_EVENT)
        return WSKTEST_REJECT_NONE;
    if (CheckAction(step))
        return CheckAction(step);
    if (accept && !MakeSlots(seen, step->target, step->count, AcceptedCategory(step, seen)))
        return WSKTEST_REJECT_SOCKET;
    return WSKTEST_REJECT_NONE;
}

/* Of a socket that is yet to be made, for events that are enabled from its beginning. Which ones it has is
 * not known: what it does not have never comes. */
static ULONG CheckEarlyEvent(const struct wsktest_step *step)
{
    if (step->callback == WSKTEST_CALLBACK_ACCEPT)
        return WSKTEST_REJECT_SOCKET;
    return CheckAction(step);
}

static ULONG CheckUse(const struct wsktest_scenario *scenario, const struct wsktest_step *step, SEEN *seen)
{
    ULONG64 bit = 1ULL << step->socket;

    if (step->kind == WSKTEST_STEP_ON_EVENT && !(seen->created & bit))
        return CheckEarlyEvent(step);
    if (!(seen->created & bit) || (seen->closed & bit && !IsDangerous(scenario)))
        return WSKTEST_REJECT_SOCKET;
    if (!KindIsCall(step->kind))
        return CheckEvent(step, seen);
    if (!KindDispatchSlot(step->kind, seen->category[step->socket]))
        return WSKTEST_REJECT_SOCKET;
    if (step->kind == WSKTEST_STEP_ACCEPT && !MakeSlots(seen, step->target, 1, AcceptedCategory(step, seen)))
        return WSKTEST_REJECT_SOCKET;
    return WSKTEST_REJECT_NONE;
}

static ULONG CheckSocket(const struct wsktest_scenario *scenario, const struct wsktest_step *step, SEEN *seen)
{
    BOOLEAN event = step->kind == WSKTEST_STEP_ON_EVENT || step->kind == WSKTEST_STEP_WAIT_EVENT;

    if (!KindCreatesSocket(step->kind) && !KindUsesSocket(step->kind) && !event)
        return WSKTEST_REJECT_NONE;
    if (step->socket >= WSKTEST_MAX_SOCKETS)
        return WSKTEST_REJECT_SOCKET;
    return KindCreatesSocket(step->kind) ? CheckCreation(step, seen) : CheckUse(scenario, step, seen);
}

static ULONG CheckAddresses(const struct wsktest_step *step)
{
    BOOLEAN both = step->kind == WSKTEST_STEP_SOCKET_CONNECT;
    BOOLEAN local = both || step->kind == WSKTEST_STEP_BIND;
    BOOLEAN remote = both || step->kind == WSKTEST_STEP_CONNECT || step->kind == WSKTEST_STEP_CONNECT_EX ||
                     step->kind == WSKTEST_STEP_SEND_TO;

    if (local ? !IsFamily(step->local.family) : step->local.family)
        return WSKTEST_REJECT_ADDRESS;
    if (remote ? !IsFamily(step->remote.family) : step->remote.family)
        return WSKTEST_REJECT_ADDRESS;
    if (both && (step->local.family != step->remote.family || step->local.family != step->family))
        return WSKTEST_REJECT_ADDRESS;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN MayHaveBuffer(ULONG kind)
{
    return kind == WSKTEST_STEP_SEND || kind == WSKTEST_STEP_SEND_TO || kind == WSKTEST_STEP_DISCONNECT ||
           kind == WSKTEST_STEP_CONNECT_EX || KindReceives(kind);
}

static BOOLEAN MayLackBuffer(ULONG kind)
{
    return !MayHaveBuffer(kind) || kind == WSKTEST_STEP_DISCONNECT || kind == WSKTEST_STEP_CONNECT_EX;
}

/* Bytes of all MDLs together; more than there may be when the sizes cannot be read. */
static ULONG64 ChainBytes(const struct wsktest_scenario *scenario, const struct wsktest_buffer *buffer)
{
    const UCHAR *data_area = (const UCHAR *)scenario + scenario->data_offset;
    ULONG64 end = (ULONG64)buffer->sizes_offset + buffer->mdl_count * sizeof(ULONG);
    ULONG64 bytes = 0;

    if (buffer->mdl_count > WSKTEST_MAX_MDLS || (!buffer->mdl_bytes && end > scenario->data_size))
        return WSKTEST_MAX_BUFFER + 1;
    for (ULONG i = 0; i < buffer->mdl_count; i++)
        bytes += ChainMdlBytes(buffer, data_area, i);
    return bytes;
}

/* `bytes`: of the chain, which has an MDL. */
static BOOLEAN ChainFits(const struct wsktest_scenario *scenario, const struct wsktest_buffer *buffer,
                         ULONG64 bytes)
{
    const UCHAR *data_area = (const UCHAR *)scenario + scenario->data_offset;
    BOOLEAN holds = (ULONG64)buffer->offset + buffer->length <= bytes;

    return bytes <= WSKTEST_MAX_BUFFER && (holds || IsDangerous(scenario)) &&
           (!buffer->offset || buffer->offset < ChainMdlBytes(buffer, data_area, 0));
}

static BOOLEAN ContentFits(const struct wsktest_scenario *scenario, const struct wsktest_step *step)
{
    const struct wsktest_buffer *buffer = &step->buffer;

    if (KindReceives(step->kind))
        return (ULONG64)buffer->data_offset + buffer->length <= scenario->receive_size;
    return (buffer->data_length || !buffer->length) &&
           (ULONG64)buffer->data_offset + buffer->data_length <= scenario->data_size;
}

static ULONG CheckBuffer(const struct wsktest_scenario *scenario, const struct wsktest_step *step, SEEN *seen)
{
    const struct wsktest_buffer *buffer = &step->buffer;

    ULONG64 bytes;

    if (!buffer->mdl_count)
        return MayLackBuffer(step->kind) ? WSKTEST_REJECT_NONE : WSKTEST_REJECT_BUFFER;
    bytes = ChainBytes(scenario, buffer);
    if (!MayHaveBuffer(step->kind) || !ChainFits(scenario, buffer, bytes) || !ContentFits(scenario, step))
        return WSKTEST_REJECT_BUFFER;
    seen->buffer_bytes += bytes;
    return seen->buffer_bytes > WSKTEST_MAX_BUFFERS ? WSKTEST_REJECT_LIMITS : WSKTEST_REJECT_NONE;
}

/* An IRP belongs to the disabling of an event, not to its enabling. Queries of the address list are made at
 * PASSIVE_LEVEL: not where a step raises it, nor where a completion or callback may run above it. */
static BOOLEAN BreaksControlRules(const struct wsktest_step *step)
{
    const struct wsktest_control *control = &step->control;

    if (step->kind != WSKTEST_STEP_CONTROL_SOCKET)
        return FALSE;
    if (control->request == WskIoctl)
        return (control->code == SIO_ADDRESS_LIST_QUERY || control->code == SIO_ADDRESS_LIST_CHANGE ||
                control->code == SIO_ADDRESS_LIST_SORT) &&
               step->context != WSKTEST_CONTEXT_PASSIVE;
    return control->input == WSKTEST_INPUT_EVENTS && !(control->value & WSK_EVENT_DISABLE) &&
           step->irp != WSKTEST_IRP_NONE;
}

static ULONG CheckControl(const struct wsktest_scenario *scenario, const struct wsktest_step *step)
{
    const struct wsktest_control *control = &step->control;
    BOOLEAN controls = MayLackIrp(step->kind);

    if ((ULONG64)step->result_offset + step->result_length > scenario->receive_size)
        return WSKTEST_REJECT_BUFFER;
    if (control->input > WSKTEST_INPUT_DESCRIPTOR || control->keep > WSKTEST_MAX_DESCRIPTORS)
        return WSKTEST_REJECT_CONTROL;
    if (!controls && (control->keep || (control->input && (control->input != WSKTEST_INPUT_DESCRIPTOR ||
                                                           !KindCreatesSocket(step->kind)))))
        return WSKTEST_REJECT_CONTROL;
    if (control->input == WSKTEST_INPUT_DESCRIPTOR && control->value >= WSKTEST_MAX_DESCRIPTORS)
        return WSKTEST_REJECT_CONTROL;
    if ((ULONG64)control->data_offset + control->data_length > scenario->data_size)
        return WSKTEST_REJECT_CONTROL;
    if (BreaksControlRules(step) && !IsDangerous(scenario))
        return WSKTEST_REJECT_DANGEROUS;
    return WSKTEST_REJECT_NONE;
}

static ULONG CheckResults(const struct wsktest_step *step)
{
    ULONG addresses = step->kind == WSKTEST_STEP_ACCEPT ? 2 : 1;
    BOOLEAN reports = step->kind == WSKTEST_STEP_ACCEPT || step->kind == WSKTEST_STEP_RECEIVE_FROM ||
                      step->kind == WSKTEST_STEP_GET_LOCAL_ADDRESS ||
                      step->kind == WSKTEST_STEP_GET_REMOTE_ADDRESS;

    if (reports && step->result_length != addresses * sizeof(struct wsktest_address))
        return WSKTEST_REJECT_BUFFER;
    return WSKTEST_REJECT_NONE;
}

static ULONG CheckLimits(const struct wsktest_step *step)
{
    if (step->limit_ms > WSKTEST_MAX_LIMIT_MS || step->delay_us > WSKTEST_MAX_LIMIT_MS * 1000 ||
        (step->kind == WSKTEST_STEP_REPEAT && step->count > WSKTEST_MAX_REPEATS))
        return WSKTEST_REJECT_LIMITS;
    return WSKTEST_REJECT_NONE;
}

ULONG ValidateStep(const struct wsktest_scenario *scenario, ULONG index, SEEN *seen)
{
    const struct wsktest_step *step = &ScenarioSteps(scenario)[index];
    ULONG reject = CheckKind(scenario, step);

    if (!reject)
        reject = CheckContext(step);
    if (!reject)
        reject = CheckSocket(scenario, step, seen);
    if (!reject)
        reject = CheckAddresses(step);
    if (!reject)
        reject = CheckBuffer(scenario, step, seen);
    if (!reject)
        reject = CheckControl(scenario, step);
    if (!reject)
        reject = CheckResults(step);
    return reject ? reject : CheckLimits(step);
}
