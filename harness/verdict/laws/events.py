# SPDX-License-Identifier: Apache-2.0
"""Laws of event callbacks: when they come, and what they tell."""

from collections.abc import Iterator
from itertools import pairwise

from harness.core.abi import StepKind
from harness.core.ntstatus import STATUS_DATA_NOT_ACCEPTED, STATUS_PENDING, STATUS_SUCCESS, nt_success
from harness.evidence import Event
from harness.evidence.operation_traces import CallbackCall
from harness.scenario import Callback
from harness.scenario.values import (
    EVENT_BITS,
    WSK_EVENT_DISABLE,
    WSK_SET_STATIC_EVENT_CALLBACKS,
)
from harness.verdict.laws.connection import TcpConnection
from harness.verdict.laws.law import Violation
from harness.verdict.laws.socket_story import Call, SocketStory, one_behind_the_other
from harness.verdict.laws.story import Story
from harness.verdict.laws.streams import taken_before


def events_come_while_enabled(story: Story) -> Iterator[Violation]:
    """An event callback begins while it is enabled: after a call for that, before a disabling has ended."""
    for sock in story.sockets:
        for callback, visit in sock.callbacks:
            if callback in EVENT_BITS and not sock.misused:
                yield from _enabled(story, sock, callback, visit.enter)


def _enabled(story: Story, sock: SocketStory, callback: Callback, enter: Event) -> Iterator[Violation]:
    bit = EVENT_BITS[callback]
    enabled: list[Call] = []
    disabled = None
    for call, mask in _masks(story, sock):
        if not mask & bit or not call.before(enter):
            continue
        if not mask & WSK_EVENT_DISABLE:
            enabled.append(call)
            disabled = None
        elif mask == bit | WSK_EVENT_DISABLE and call.over_before(enter) and _is_done(call):
            # Of two calls that overlap either may have been the last.
            disabled = call if all(one_behind_the_other(each, call) for each in enabled) else None
    row = "X-03" if callback == Callback.DISCONNECT else "X-12"
    if not enabled:
        yield Violation(row, f"the {callback} event of {sock} came and was never enabled", (enter,))
    elif disabled is not None and disabled.ended:
        text = f"the {callback} event of {sock} came after {disabled} had disabled it"
        yield Violation("X-12", text, (disabled.ended, enter))


def _masks(story: Story, sock: SocketStory) -> Iterator[tuple[Call, int]]:
    """The calls that enable and disable its events, in order: the client's, its listener's, its own."""
    for call in story.calls:
        control = call.operation.control if call.operation else None
        if (
            call.kind == StepKind.CONTROL_CLIENT
            and control
            and control.code == WSK_SET_STATIC_EVENT_CALLBACKS
        ):
            yield call, control.value
    for call, mask in sock.listener.masks if sock.listener else ():
        if not mask & WSK_EVENT_DISABLE:
            yield call, mask  # what is disabled there later is so for the listener
    yield from sock.masks


def _is_done(call: Call) -> bool:
    """Did it succeed? STATUS_EVENT_PENDING, of a call without an IRP, tells that one is in progress yet."""
    return call.succeeded and (call.has_irp or call.status == STATUS_SUCCESS)


def disabling_waits(story: Story) -> Iterator[Violation]:
    """Disabling an event ends when its callbacks in progress have returned."""
    for sock in story.sockets:
        for call, mask in sock.masks:
            if not mask & WSK_EVENT_DISABLE or not _is_done(call) or call.ended is None or sock.misused:
                continue
            if _is_off(sock, call, mask & ~WSK_EVENT_DISABLE):
                continue
            for callback, visit in sock.callbacks:
                held = visit.leave is None or visit.leave.sequence > call.ended.sequence
                begun = visit.enter.sequence < call.called.sequence
                if EVENT_BITS.get(callback) == mask & ~WSK_EVENT_DISABLE and begun and held:
                    text = f"{call} ended while the {callback} event was in progress"
                    yield Violation("X-12", text, (visit.enter, call.ended))


def _is_off(sock: SocketStory, call: Call, bits: int) -> bool:
    """May another call have disabled the event before? What a second one waits for nobody says."""
    before = [each for each in sock.masks if each[1] & bits and each[0].before(call.called)]
    return bool(before) and bool(before[-1][1] & WSK_EVENT_DISABLE)


def events_are_disabled_one_by_one(story: Story) -> Iterator[Violation]:
    """Several events cannot be disabled in one call."""
    for sock in story.sockets:
        for call, mask in sock.masks if not sock.misused else ():
            several = (mask & ~WSK_EVENT_DISABLE).bit_count() > 1
            if mask & WSK_EVENT_DISABLE and several and call.succeeded and call.ended:
                text = f"{call} disables several events, so it fails, and it succeeded"
                yield Violation("X-13", text, (call.ended,))


def receive_events_come_one_by_one(story: Story) -> Iterator[Violation]:
    """A socket's receive event is not called while it is in progress."""
    for sock in story.sockets:
        visits = [visit for callback, visit in sock.callbacks if callback == Callback.RECEIVE]
        for first, second in pairwise(visits):
            if _overlap(first, second) and not sock.misused:
                text = f"the receive event of {sock} came again before it had returned"
                yield Violation("X-40", text, (first.enter, second.enter))
        nothing = [visit for visit in visits if visit.enter.nothing]
        again = [(one, two) for one, two in pairwise(nothing) if not _is_asked_again(sock, one, two)]
        if again and not sock.misused:
            text = f"the receive event tells once that {sock} is dead, and did {len(nothing)} times"
            yield Violation("X-08", text, tuple(visit.enter for visit in nothing))


def _is_asked_again(sock: SocketStory, first: CallbackCall, second: CallbackCall) -> bool:
    """Did the client enable the event meanwhile? Whether it is told of a dead socket again nobody says."""
    asks = [call for call, mask in sock.masks if not mask & WSK_EVENT_DISABLE]
    return any(call.before(second.enter) and not call.over_before(first.enter) for call in asks)


def _overlap(first: CallbackCall, second: CallbackCall) -> bool:
    """Had the one not returned when the other began?"""
    return first.leave is None or first.leave.sequence > second.enter.sequence


def refused_data_waits(story: Story) -> Iterator[Violation]:
    """What a receive event refused comes again once the client has asked for data, and not before."""
    for sock in story.sockets:
        visits = [visit for callback, visit in sock.callbacks if callback == Callback.RECEIVE]
        asks = sock.of(StepKind.RECEIVE, StepKind.CONTROL_SOCKET)
        for first, second in pairwise(visits) if not sock.misused else ():
            leave = first.leave
            is_over = leave is not None and leave.sequence < second.enter.sequence
            refused = is_over and leave is not None and leave.status == STATUS_DATA_NOT_ACCEPTED
            asked = any(call.before(second.enter) and not call.over_before(first.enter) for call in asks)
            if refused and not asked and second.enter.information:
                text = f"the receive event of {sock} refused what it was shown, and came again unasked"
                yield Violation("X-41", text, (first.enter, second.enter))


def disconnect_event_is_true(story: Story) -> Iterator[Violation]:
    """The disconnect event comes once, behind the data, and says what the peer did: a FIN or a RST."""
    for sock in story.sockets:
        told = [visit for callback, visit in sock.callbacks if callback == Callback.DISCONNECT]
        if not told or sock.misused:
            continue
        yield from _undefined(sock, told)
        if len(told) > 1:
            yield from _twice(sock, told)
        connection = sock.wire()
        if connection is not None and connection.established:
            yield from _before_data(story, sock, connection, told[0])
            yield from _behind_all(story, sock, connection, told[0])
            for visit in told:
                yield from _true(story, sock, connection, visit)


def _undefined(sock: SocketStory, told: list[CallbackCall]) -> Iterator[Violation]:
    """Its page has two flags, and no others."""
    for visit in told:
        if visit.undefined_flags:
            text = f"the disconnect event of {sock} has flags that nobody defines: {visit.undefined_flags:#x}"
            yield Violation("X-04", text, (visit.enter,))


def _twice(sock: SocketStory, told: list[CallbackCall]) -> Iterator[Violation]:
    """A FIN and then a RST are two events; the same twice, or anything behind a RST, is one too many.

    Of two that are in progress at a time either may be the first.
    """
    for first, second in pairwise(told):
        either = _overlap(first, second) and first.abortive != second.abortive
        if (first.abortive or not second.abortive) and not either:
            text = f"the disconnect event of {sock} comes once for an end of the peer's, and came again"
            yield Violation("X-03", text, (first.enter, second.enter))


def _before_data(
    story: Story, sock: SocketStory, connection: TcpConnection, told: CallbackCall
) -> Iterator[Violation]:
    """Unless the callback did not take what it was shown: then it is shown again, whenever that is."""
    visits = [visit for callback, visit in sock.callbacks if callback == Callback.RECEIVE]
    if told.abortive or any(not _took_all(visit) for visit in visits) or sock.of(StepKind.RECEIVE):
        return
    if not _receive_was_on(story, sock, connection, told) or told.leave is None:
        return  # it was off for a while: then data waits until it is enabled
    for visit in visits:
        # Two that are in progress at a time may have begun in the other order.
        if visit.enter.sequence > told.leave.sequence and visit.enter.information:
            text = f"{sock} was told of the peer's FIN before the data that precedes it"
            yield Violation("X-07", text, (told.enter, visit.enter))
            return


def _behind_all(
    story: Story, sock: SocketStory, connection: TcpConnection, told: CallbackCall
) -> Iterator[Violation]:
    """All data before the FIN was shown to a client that took all that it was shown, and received nothing."""
    visits = [visit for callback, visit in sock.callbacks if callback == Callback.RECEIVE]
    ends = [call for call in sock.endings if call not in sock.graceful and call.before(told.enter)]
    if told.abortive or ends or not connection.peer.fins or not connection.peer.whole:
        return
    if story.cleanup or any(sock.cancelled(call) for call in sock.graceful) or sock.of(StepKind.RECEIVE):
        return
    if not _receive_was_on(story, sock, connection, told) or not all(map(_took_all, visits)):
        return
    size, got = len(connection.peer.stream), taken_before(sock)
    if got < size:
        text = f"{sock} was told of the peer's FIN, and of the {size} bytes before it got {got}"
        yield Violation("X-34", text, (told.enter,), tuple(connection.peer.fins[:1]))


def _receive_was_on(story: Story, sock: SocketStory, connection: TcpConnection, told: CallbackCall) -> bool:
    """Was the receive event enabled before there was an end to tell of, and nothing else done with it?

    One that is enabled later may come to a disconnect event that is on its way already.
    """
    masks = [(call, mask) for call, mask in sock.masks if mask & EVENT_BITS[Callback.RECEIVE]]
    if len(masks) != 1:
        return False
    ((call, mask),) = masks
    on = call.ended
    if on is None or mask & WSK_EVENT_DISABLE or not _is_done(call) or not call.over_before(told.enter):
        return False
    tells = [each for each, mask in _masks(story, sock) if mask & EVENT_BITS[Callback.DISCONNECT]]
    asked_later = bool(tells) and all(each is not call and call.over_before(each.called) for each in tells)
    return asked_later or all(story.surely_before(on, fin) for fin in connection.peer.fins)


def _took_all(visit: CallbackCall) -> bool:
    leave = visit.leave
    return leave is not None and (
        leave.status == STATUS_PENDING
        or (nt_success(leave.status) and leave.information == visit.enter.information)
    )


def _true(
    story: Story, sock: SocketStory, connection: TcpConnection, visit: CallbackCall
) -> Iterator[Violation]:
    came_by = story.at(visit.enter).latest
    came_fin = [each for each in connection.peer.fins if not story.surely_before(visit.enter, each)]
    came_reset = [each for each in connection.peer.resets if not story.surely_before(visit.enter, each)]
    if came_reset if visit.abortive else came_fin:
        return
    if story.addresses_may_go or not connection.peer.whole:
        return
    if visit.abortive and (not connection.peer_heard_all or connection.is_unanswered(came_by)):
        return  # the guest may have given its peer up
    cancelled = [call for call in sock.of(StepKind.SEND, StepKind.DISCONNECT) if sock.cancelled(call)]
    if visit.abortive and any(call.before(visit.enter) for call in cancelled):
        return  # what a cancel makes of a connection nobody says
    packets = (*came_fin[:1], *came_reset[:1])
    if packets:
        said = "a RST" if visit.abortive else "a FIN"
        text = f"the disconnect event of {sock} told of {said}, and the peer had sent {packets[0].numbered}"
        yield Violation("X-03", text, (visit.enter,), packets)
    else:
        text = f"the disconnect event of {sock} came, and the peer had ended nothing"
        yield Violation("X-03", text, (visit.enter,))
