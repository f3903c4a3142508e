/* SPDX-License-Identifier: Apache-2.0
 *
 * What a single step may say, given the sockets that were made before it.
 */
#include "wsktest.h"

static BOOLEAN dangerous(const struct wsktest_scenario *scenario)
{
    return !!(scenario->flags & WSKTEST_SCENARIO_DANGEROUS);
}

static BOOLEAN takes_no_irp(ULONG kind)
{
    return kind == WSKTEST_STEP_CONTROL_SOCKET || kind == WSKTEST_STEP_CONTROL_CLIENT;
}

static ULONG check_irp(const struct wsktest_scenario *scenario, const struct wsktest_step *step)
{
    if (step->irp > WSKTEST_IRP_PASSED_DOWN || (step->irp && !kind_has_irp(step->kind)))
        return WSKTEST_REJECT_KIND;
    if (step->irp == WSKTEST_IRP_NONE && !takes_no_irp(step->kind) && !dangerous(scenario))
        return WSKTEST_REJECT_DANGEROUS;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN racing(const struct wsktest_step *step)
{
    return !!(step->options & WSKTEST_OPTION_RACING);
}

static BOOLEAN options_fit(const struct wsktest_step *step)
{
    if (step->options & ~(WSKTEST_OPTION_RACING | WSKTEST_OPTION_POISON))
        return FALSE;
    if (racing(step) && step->kind != WSKTEST_STEP_CLOSE)
        return FALSE;
    return !(step->options & WSKTEST_OPTION_POISON) || step->buffer.mdl_count;
}

static ULONG check_kind(const struct wsktest_scenario *scenario, const struct wsktest_step *step)
{
    BOOLEAN own = !!(scenario->flags & WSKTEST_SCENARIO_OWN_CLIENT);
    BOOLEAN of_client = step->kind == WSKTEST_STEP_RELEASE_NPI || step->kind == WSKTEST_STEP_DEREGISTER;

    if (step->kind < WSKTEST_STEP_SOCKET || step->kind > WSKTEST_STEP_FREEZE || (of_client && !own) ||
        !options_fit(step))
        return WSKTEST_REJECT_KIND;
    if ((step->kind == WSKTEST_STEP_BUGCHECK || step->kind == WSKTEST_STEP_FREEZE || racing(step)) &&
        !dangerous(scenario))
        return WSKTEST_REJECT_DANGEROUS;
    return check_irp(scenario, step);
}

static ULONG check_context(const struct wsktest_step *step)
{
    BOOLEAN any_cpu = step->cpu == WSKTEST_ANY_CPU;

    if (step->context > WSKTEST_CONTEXT_CALLBACK || step->strand >= WSKTEST_MAX_STRANDS)
        return WSKTEST_REJECT_CONTEXT;
    if (!kind_is_call(step->kind) && (step->context || !any_cpu))
        return WSKTEST_REJECT_CONTEXT;
    if (!any_cpu && (kind_hooks(step) || step->cpu >= KeQueryActiveProcessorCount(NULL)))
        return WSKTEST_REJECT_CONTEXT;
    if (step->callback >= WSKTEST_CALLBACK_COUNT)
        return WSKTEST_REJECT_CONTEXT;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN valid_family(ULONG family)
{
    return family == WSKTEST_FAMILY_IPV4 || family == WSKTEST_FAMILY_IPV6;
}

static BOOLEAN valid_category(ULONG category)
{
    return kind_slot(WSKTEST_STEP_CLOSE, category) != 0;
}

/* Marks `count` slots from `first` on as made. FALSE when one is there already, or is no slot. */
static BOOLEAN make_slots(struct seen *seen, ULONG first, ULONG count, ULONG category)
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

static ULONG check_creation(const struct wsktest_step *step, struct seen *seen)
{
    ULONG category =
        step->kind == WSKTEST_STEP_SOCKET ? step->category : (ULONG)WSKTEST_CATEGORY_CONNECTION;

    if (!valid_family(step->family))
        return WSKTEST_REJECT_ADDRESS;
    if (!valid_category(category) || !make_slots(seen, step->socket, 1, category))
        return WSKTEST_REJECT_SOCKET;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN has_events(ULONG category, ULONG callback)
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

static ULONG accepted_category(const struct wsktest_step *step, const struct seen *seen)
{
    return seen->category[step->socket] == WSKTEST_CATEGORY_STREAM ? WSKTEST_CATEGORY_STREAM
                                                                   : WSKTEST_CATEGORY_CONNECTION;
}

static ULONG check_event(const struct wsktest_step *step, struct seen *seen)
{
    BOOLEAN accept = step->callback == WSKTEST_CALLBACK_ACCEPT;

    if (!has_events(seen->category[step->socket], step->callback))
        return WSKTEST_REJECT_SOCKET;
    if (step->kind == WSKTEST_STEP_WAIT_EVENT)
        return WSKTEST_REJECT_NONE;
    if (step->action > WSKTEST_ACTION_REFUSE || step->delay_us > WSKTEST_MAX_HOLD_US)
        return WSKTEST_REJECT_LIMITS;
    if (accept && !make_slots(seen, step->target, step->count, accepted_category(step, seen)))
        return WSKTEST_REJECT_SOCKET;
    return WSKTEST_REJECT_NONE;
}

static ULONG check_use(const struct wsktest_scenario *scenario, const struct wsktest_step *step,
                       struct seen *seen)
{
    ULONG64 bit = 1ULL << step->socket;

    if (!(seen->created & bit) || (seen->closed & bit && !dangerous(scenario)))
        return WSKTEST_REJECT_SOCKET;
    if (!kind_is_call(step->kind))
        return check_event(step, seen);
    if (!kind_slot(step->kind, seen->category[step->socket]))
        return WSKTEST_REJECT_SOCKET;
    if (step->kind == WSKTEST_STEP_ACCEPT &&
        !make_slots(seen, step->target, 1, accepted_category(step, seen)))
        return WSKTEST_REJECT_SOCKET;
    return WSKTEST_REJECT_NONE;
}

static ULONG check_socket(const struct wsktest_scenario *scenario, const struct wsktest_step *step,
                          struct seen *seen)
{
    BOOLEAN event = step->kind == WSKTEST_STEP_ON_EVENT || step->kind == WSKTEST_STEP_WAIT_EVENT;

    if (!kind_creates_socket(step->kind) && !kind_uses_socket(step->kind) && !event)
        return WSKTEST_REJECT_NONE;
    if (step->socket >= WSKTEST_MAX_SOCKETS)
        return WSKTEST_REJECT_SOCKET;
    return kind_creates_socket(step->kind) ? check_creation(step, seen) : check_use(scenario, step, seen);
}

static ULONG check_addresses(const struct wsktest_step *step)
{
    BOOLEAN both = step->kind == WSKTEST_STEP_SOCKET_CONNECT;
    BOOLEAN local = both || step->kind == WSKTEST_STEP_BIND;
    BOOLEAN remote = both || step->kind == WSKTEST_STEP_CONNECT || step->kind == WSKTEST_STEP_CONNECT_EX ||
                     step->kind == WSKTEST_STEP_SEND_TO;

    if (local ? !valid_family(step->local.family) : step->local.family)
        return WSKTEST_REJECT_ADDRESS;
    if (remote ? !valid_family(step->remote.family) : step->remote.family)
        return WSKTEST_REJECT_ADDRESS;
    if (both && (step->local.family != step->remote.family || step->local.family != step->family))
        return WSKTEST_REJECT_ADDRESS;
    return WSKTEST_REJECT_NONE;
}

static BOOLEAN may_have_buffer(ULONG kind)
{
    return kind == WSKTEST_STEP_SEND || kind == WSKTEST_STEP_SEND_TO || kind == WSKTEST_STEP_DISCONNECT ||
           kind == WSKTEST_STEP_CONNECT_EX || kind_receives(kind);
}

static BOOLEAN may_lack_buffer(ULONG kind)
{
    return !may_have_buffer(kind) || kind == WSKTEST_STEP_DISCONNECT || kind == WSKTEST_STEP_CONNECT_EX;
}

static BOOLEAN chain_fits(const struct wsktest_scenario *scenario, const struct wsktest_buffer *buffer)
{
    ULONG64 bytes = (ULONG64)buffer->mdl_count * buffer->mdl_bytes;
    BOOLEAN holds = (ULONG64)buffer->offset + buffer->length <= bytes;

    return buffer->mdl_count <= WSKTEST_MAX_MDLS && buffer->mdl_bytes && bytes <= WSKTEST_MAX_BUFFER &&
           buffer->offset < buffer->mdl_bytes && (holds || dangerous(scenario));
}

static BOOLEAN content_fits(const struct wsktest_scenario *scenario, const struct wsktest_step *step)
{
    const struct wsktest_buffer *buffer = &step->buffer;

    if (kind_receives(step->kind))
        return (ULONG64)buffer->data_offset + buffer->length <= scenario->receive_size;
    return (buffer->data_length || !buffer->length) &&
           (ULONG64)buffer->data_offset + buffer->data_length <= scenario->data_size;
}

static ULONG check_buffer(const struct wsktest_scenario *scenario, const struct wsktest_step *step,
                          struct seen *seen)
{
    const struct wsktest_buffer *buffer = &step->buffer;

    if (!buffer->mdl_count)
        return may_lack_buffer(step->kind) ? WSKTEST_REJECT_NONE : WSKTEST_REJECT_BUFFER;
    if (!may_have_buffer(step->kind) || !chain_fits(scenario, buffer) || !content_fits(scenario, step))
        return WSKTEST_REJECT_BUFFER;
    seen->buffer_bytes += (ULONG64)buffer->mdl_count * buffer->mdl_bytes;
    return seen->buffer_bytes > WSKTEST_MAX_BUFFERS ? WSKTEST_REJECT_LIMITS : WSKTEST_REJECT_NONE;
}

static ULONG check_control(const struct wsktest_scenario *scenario, const struct wsktest_step *step)
{
    const struct wsktest_control *control = &step->control;
    BOOLEAN controls = takes_no_irp(step->kind);

    if ((ULONG64)step->result_offset + step->result_length > scenario->receive_size)
        return WSKTEST_REJECT_BUFFER;
    if (control->input > WSKTEST_INPUT_DESCRIPTOR || control->keep > WSKTEST_MAX_DESCRIPTORS)
        return WSKTEST_REJECT_CONTROL;
    if (!controls && (control->keep || (control->input && (control->input != WSKTEST_INPUT_DESCRIPTOR ||
                                                           !kind_creates_socket(step->kind)))))
        return WSKTEST_REJECT_CONTROL;
    if (control->input == WSKTEST_INPUT_DESCRIPTOR && control->value >= WSKTEST_MAX_DESCRIPTORS)
        return WSKTEST_REJECT_CONTROL;
    if ((ULONG64)control->data_offset + control->data_length > scenario->data_size)
        return WSKTEST_REJECT_CONTROL;
    return WSKTEST_REJECT_NONE;
}

static ULONG check_results(const struct wsktest_step *step)
{
    ULONG addresses = step->kind == WSKTEST_STEP_ACCEPT ? 2 : 1;
    BOOLEAN reports = step->kind == WSKTEST_STEP_ACCEPT || step->kind == WSKTEST_STEP_RECEIVE_FROM ||
                      step->kind == WSKTEST_STEP_GET_LOCAL_ADDRESS ||
                      step->kind == WSKTEST_STEP_GET_REMOTE_ADDRESS;

    if (reports && step->result_length != addresses * sizeof(struct wsktest_address))
        return WSKTEST_REJECT_BUFFER;
    return WSKTEST_REJECT_NONE;
}

static ULONG check_limits(const struct wsktest_step *step)
{
    if (step->limit_ms > WSKTEST_MAX_LIMIT_MS || step->delay_us > WSKTEST_MAX_LIMIT_MS * 1000 ||
        (step->kind == WSKTEST_STEP_REPEAT && step->count > WSKTEST_MAX_REPEATS))
        return WSKTEST_REJECT_LIMITS;
    return WSKTEST_REJECT_NONE;
}

ULONG validate_step(const struct wsktest_scenario *scenario, ULONG index, struct seen *seen)
{
    const struct wsktest_step *step = &scenario_steps(scenario)[index];
    ULONG reject = check_kind(scenario, step);

    if (!reject)
        reject = check_context(step);
    if (!reject)
        reject = check_socket(scenario, step, seen);
    if (!reject)
        reject = check_addresses(step);
    if (!reject)
        reject = check_buffer(scenario, step, seen);
    if (!reject)
        reject = check_control(scenario, step);
    if (!reject)
        reject = check_results(step);
    return reject ? reject : check_limits(step);
}
