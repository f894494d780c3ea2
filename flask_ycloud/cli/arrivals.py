"""The doctor's check of what arrives: rejections, silence, conflicts and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..formats import clock_time, counted, rejection, short
from ..inbox import OUR_FAULTS
from ..runtime import Runtime
from .finding import Finding, Subject, error, ok, skipped, warning

if TYPE_CHECKING:
    from ..inbox import Inbox

_CLOCK_OFF = 30.0
_SENT_AGAIN = "YCloud sends them again. The log says what was wrong."
_REMEDIES = {
    "missing": "YCloud signs each delivery, so somebody else sends to this URL.",
    "malformed": "Does a proxy change the header YCloud-Signature?",
    "mismatch": "Is the secret that of the endpoint? Check one: flask ycloud verify",
    "stale": "Is this machine's clock right? Is YCLOUD_SIGNATURE_TOLERANCE too short?",
    "unknown tenant": "Was the tenant removed, but not its endpoint at YCloud?",
    **dict.fromkeys(OUR_FAULTS, _SENT_AGAIN),
}
_SEE_THE_LOG = "The log has a line for each reason."
_PASSWORDS = "Does somebody guess passwords? The log has a warning with their number."
_SILENT = (
    "Is the endpoint at YCloud active, and can its URL be reached? See: flask ycloud"
    " endpoints list"
)
# Reasons that may concern every delivery of YCloud. Others are caused by strangers.
_MAY_BE_ALL = ("mismatch", "stale", *OUR_FAULTS)


def rejections(subject: Subject) -> Iterator[Finding]:
    """Deliveries that were rejected or answered 503 lately, and in the day before.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    from ..inbox import last_day, lately, recently  # here, since it needs SQLAlchemy

    runtime = subject.runtime
    now, day = lately(runtime.inbox).rejected, last_day(runtime.inbox).rejected
    since = clock_time(recently(runtime.inbox))
    for (endpoint, reason), count in now.items():
        earlier = day.get((endpoint, reason), 0) - count
        text = f"{endpoint}: {_rejected(count, reason)} since {since}"
        text += f"; {earlier or 'none'} in the day before."
        if reason in _MAY_BE_ALL and _accepts_nothing(runtime, endpoint):
            text += " No delivery was accepted since then."
            yield error("rejected", text, _REMEDIES.get(reason, _SEE_THE_LOG))
        else:
            yield warning("rejected", text, _REMEDIES.get(reason, _SEE_THE_LOG))
    for (endpoint, reason), count in day.items():
        if (endpoint, reason) not in now:
            text = f"{endpoint}: {_rejected(count, reason)} in the last day"
            text += f", none since {since}."
            yield warning("rejected", text, _REMEDIES.get(reason, _SEE_THE_LOG))
    if not day:
        yield ok("rejected", "No delivery was rejected in the last day.")


def _rejected(count: int, reason: str) -> str:
    deliveries = counted(count, "delivery", "deliveries")
    was = "was" if count == 1 else "were"
    how = "answered 503" if reason in OUR_FAULTS else "rejected"
    return f"{deliveries} {was} {how} ({rejection(reason)})"


def _accepts_nothing(runtime: Runtime, endpoint: str) -> bool:
    """Whether an endpoint has accepted no event in the time of the recent counts."""
    from ..inbox import newest_arrivals, recently  # here, since it needs SQLAlchemy

    inbox = runtime.inbox
    age = newest_arrivals(inbox, [endpoint]).get(endpoint, float("inf"))
    return inbox.clock() - age < recently(inbox)


def silent(subject: Subject) -> Iterator[Finding]:
    """How long nothing has arrived at each endpoint.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    from ..inbox import silence  # here, since it needs SQLAlchemy

    for name in subject.runtime.endpoints:
        found = silence(subject.runtime.inbox, name)
        if found is None:
            yield skipped("silence", f"{name}: no delivery has arrived yet.")
            continue
        text = f"{name}: the newest delivery arrived {short(found.seconds)} ago"
        if found.is_unusual:
            if found.usual is not None:
                text += f"; the widest gap of the week before was {short(found.usual)}"
            yield warning("silence", f"{text}.", _SILENT)
        else:
            yield ok("silence", f"{text}.")


def conflicts(subject: Subject) -> Iterator[Finding]:
    """Deliveries that had a known event id and another body.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    from ..inbox import last_day  # here, since it needs SQLAlchemy

    inbox = subject.runtime.inbox
    found = last_day(inbox).conflicts
    if not found:
        yield ok("conflicts", "No event was in conflict in the last day.")
    for endpoint, count in found.items():
        text = f"{endpoint}: {counted(count, 'delivery', 'deliveries')} in the last day"
        text += " had a known event id and another body"
        example = _example(inbox, endpoint)
        if example is None:
            yield warning(
                "conflicts",
                f"{text}.",
                "Their dead letters were replayed, discarded or deleted.",
            )
        else:
            remedy = "Compare its body with that of the event which it names: flask ycloud"
            remedy += f" show {example} --payload"
            yield warning("conflicts", f"{text}, such as {example}.", remedy)


def _example(inbox: Inbox, endpoint: str) -> str | None:
    """The id of the newest dead letter that is another body of a known event."""
    causes = inbox.dead_by_cause(endpoint=endpoint)
    return next((each.example.id for each in causes if each.kind == "conflict"), None)


def guesses(subject: Subject) -> Iterator[Finding]:
    """Wrong passwords for the inspector and the metrics.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    from ..inbox import last_day  # here, since it needs SQLAlchemy

    found = last_day(subject.runtime.inbox).passwords
    if not found:
        yield ok("guesses", "No wrong password was given in the last day.")
    for name, count in found.items():
        attempts = counted(count, "attempt")
        text = f"{name}: {attempts} with a wrong password in the last day."
        yield warning("guesses", text, _PASSWORDS)


def clock(subject: Subject) -> Iterator[Finding]:
    """Compare this machine's clock with YCloud's, by the fastest recent delivery.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    recent = subject.runtime.inbox.list(limit=100, bodies=False)
    delays = [
        (each.received_at - each.signed_at).total_seconds()
        for each in recent
        if each.signed_at is not None
    ]
    if not delays:
        yield skipped("clock", "No delivery has arrived yet.")
        return
    offset = min(delays)
    fastest = f"The fastest of {counted(len(delays), 'delivery', 'deliveries')}"
    text = f"{fastest} arrived {offset:.0f} s after it was signed."
    if abs(offset) < _CLOCK_OFF:
        yield ok("clock", text)
    else:
        remedy = "Is this machine's clock right? Does it run NTP?"
        yield warning("clock", text, remedy)
