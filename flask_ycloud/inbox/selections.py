"""Selections of events: the filter of every list, and of every action on many events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..protocol import searched_name
from . import queries
from .cipher import MARK
from .tables import events, outcomes

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    class Filters(TypedDict, total=False):
        """The arguments of a selection, for type checkers."""

        state: str | None
        type: str | None
        endpoint: str | None
        tenant: str | None
        handler: str | None
        error: str | None
        cause: str | None
        unhandled: bool | None
        since: datetime | None
        until: datetime | None
        ids: Sequence[str] | None
        about: str | None


#: The columns of events in a list: all but their bodies.
HEAD = tuple(column for column in events.c if column.name != "body")

_IDS_AT_ONCE = 500
_ROUNDED = 1e-6  # seconds: the resolution of a datetime


@dataclass(frozen=True)
class Selection:
    """Filters for events of the inbox. A filter that is left out matches all events.

    :param state: ``"pending"``, ``"running"``, ``"done"``, ``"dead"``,
        ``"discarded"`` or ``"deleted"``. Without it, deleted events are left out, unless
        their ids are given.
    :param type: an event type, or a pattern such as ``"whatsapp.*"``.
    :param endpoint: the name of the endpoint that they arrived at.
    :param tenant: the tenant of the events.
    :param handler: the name of a handler that has run for them. With ``error``, or for dead
        letters, a handler that has failed.
    :param error: a text in the type or place of the last error of a handler, or in the
        reason of the event. Upper and lower case are the same. Messages of errors and
        encrypted reasons are not searched.
    :param cause: for dead letters: the short id of a cause, as
        :meth:`Inbox.dead_by_cause` returns it.
    :param unhandled: ``True`` for events that no handler was subscribed to, ``False`` for
        all others.
    :param since: the earliest time of arrival, an aware datetime.
    :param until: the latest time of arrival, an aware datetime.
    :param ids: the ids of the events.
    :param about: a telephone number, a user id, an e-mail address, or the id of a message
        such as its ``wamid``. Spaces, dashes, brackets and a plus make no difference in a
        number, nor do upper and lower case elsewhere. Events are found by it for as long as
        they have their bodies. The ``repr`` does not show it.
    :raises ValueError: if there is no such state, if a time is not aware, if a cause is
        given with another state than ``"dead"``, or if ``about`` is empty.
    """

    state: str | None = None
    type: str | None = None
    endpoint: str | None = None
    tenant: str | None = None
    handler: str | None = None
    error: str | None = None
    cause: str | None = None
    unhandled: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: Sequence[str] | None = None
    about: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.state is not None and self.state not in queries.STATES:
            states = ", ".join(queries.STATES)
            raise ValueError(f"No state {self.state!r}; there is {states}.")
        for name in ("since", "until"):
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                raise ValueError(
                    f"{name} has no time zone: {time!r}. Give an aware datetime."
                )
        if self.cause is not None and self.state not in (None, "dead"):
            raise ValueError(
                f"Only dead letters have a cause: leave out the state {self.state!r}."
            )
        if self.about is not None and not searched_name(self.about):
            raise ValueError(
                "about is empty: give a telephone number, a user id, an e-mail address, or"
                " the id of a message."
            )
        if self.ids is not None:
            object.__setattr__(self, "ids", tuple(self.ids))

    @property
    def narrowing(self) -> dict[str, Any]:
        """The filters that are set, by name, for logs and messages. ``about`` is masked."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        given["about"] = self.about and "(not shown)"
        return {name: value for name, value in given.items() if value is not None}

    def parts(self) -> Iterator[Selection]:
        """The same selection in parts, so that no statement has too many ids."""
        if self.ids is None:
            yield self
            return
        ids = tuple(dict.fromkeys(self.ids))
        for start in range(0, len(ids), _IDS_AT_ONCE):
            yield replace(self, ids=ids[start : start + _IDS_AT_ONCE])

    @property
    def few(self) -> bool:
        """Whether an index finds the events, however many events there are."""
        some = ("pending", "running", "dead", "discarded")
        return bool(self.unhandled or self.ids or self.cause) or self.state in some


def check_pattern(pattern: str) -> None:
    """Check that a text is an event type, or a pattern of event types.

    :raises ValueError: if it is neither.
    """
    starred = "*" in pattern and pattern != "*"
    if starred and (not pattern.endswith(".*") or "*" in pattern[:-1]):
        raise ValueError(
            f"{pattern!r} is not a pattern. A pattern ends with '.*', such as"
            " 'whatsapp.*' or 'whatsapp.message.*'; '*' is every type."
        )


def fits(pattern: str) -> sa.ColumnElement[bool]:
    """Whether an event's type is that type, or matches that pattern."""
    if pattern == "*":
        return events.c.type.is_not(None)
    if not pattern.endswith(".*"):
        return queries.same(events.c.type, pattern)
    start = pattern[:-1]
    if not queries.can_be_stored(start):
        return sa.false()
    return sa.func.substr(events.c.type, 1, len(start)) == start


def conditions(selection: Selection) -> list[sa.ColumnElement[bool]]:
    """The SQL conditions of a selection, without its times, its cause and ``about``.

    These three need queries of their own.
    """
    state = "dead" if selection.cause is not None else selection.state
    which: list[sa.ColumnElement[bool]] = []
    if state in ("pending", "running"):
        # They are few: their indexes find them, without a scan of all events.
        waiting = sa.union_all(
            sa.select(events.c.seq).where(events.c.due_at.is_not(None)),
            sa.select(events.c.seq).where(events.c.parked_due_at.is_not(None)),
        )
        which.append(events.c.seq.in_(waiting))
    if state is not None:
        which.append(queries.STATES[state])
    elif selection.ids is None:  # an id finds its event even if it was deleted
        which.append(~queries.STATES["deleted"])
    if selection.unhandled is not None:
        unhandled = queries.UNHANDLED
        which.append(unhandled if selection.unhandled else ~unhandled)
    if selection.type is not None:
        which.append(fits(selection.type))
    for name in ("endpoint", "tenant"):
        value = getattr(selection, name)
        if value is not None:
            which.append(queries.same(events.c[name], value))
    if selection.ids is not None:
        which.append(events.c.id.in_(list(filter(queries.can_be_stored, selection.ids))))
    return which + list(_of_handlers(selection, state))


def _of_handlers(
    selection: Selection, state: str | None
) -> Iterator[sa.ColumnElement[bool]]:
    if selection.handler is None and selection.error is None:
        return
    outcome = sa.select(outcomes.c.event_seq).where(outcomes.c.event_seq == events.c.seq)
    if selection.handler is not None:
        outcome = outcome.where(queries.same(outcomes.c.handler, selection.handler))
    if selection.error is not None:
        # The message is not searched: it may be encrypted, or masked for the user.
        place = queries.first_line(outcomes.c.error)
        outcome = outcome.where(_has(place, selection.error))
    if selection.error is not None or state == "dead":
        outcome = outcome.where(outcomes.c.state == "failed")
    found: sa.ColumnElement[bool] = outcome.exists()
    if selection.handler is None and selection.error is not None:
        plain = ~queries.starts_with(events.c.reason, MARK)
        found |= plain & _has(events.c.reason, selection.error)
    yield found


def _has(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    if not queries.can_be_stored(text):
        return sa.false()
    for each in "\\%_":
        text = text.replace(each, f"\\{each}")
    return sa.func.lower(column).like(sa.func.lower(f"%{text}%"), escape="\\")


def arrived(selection: Selection) -> list[sa.ColumnElement[bool]]:
    """Whether an event arrived in these times, exactly and in any order of arrival."""
    which = []
    if selection.since is not None:
        since = selection.since.timestamp() - _ROUNDED
        which.append(events.c.received_at >= since)
    if selection.until is not None:
        until = selection.until.timestamp() + _ROUNDED
        which.append(events.c.received_at <= until)
    return which


def newest(selection: Selection, *columns: Any) -> sa.Select[Any]:
    """The newest of these events, with these columns or all. The times are ignored."""
    query = sa.select(*(columns or (events,))).where(*conditions(selection))
    return query.order_by(events.c.seq.desc())


def between(
    tx: Connection, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """The positions of the first and the last event that arrived between these times.

    They are found by the order of arrival. They are inexact if the clock was set back.
    """
    first, last = ends(tx)
    if since is not None:
        first = max(first, position_at(tx, since.timestamp() - _ROUNDED, last) + 1)
    if until is not None:
        last = position_at(tx, until.timestamp() + _ROUNDED, last)
    return first, last


def ends(tx: Connection) -> tuple[int, int]:
    """The positions of the oldest event and the newest."""
    query = sa.select(sa.func.min(events.c.seq)), sa.select(sa.func.max(events.c.seq))
    first, last = (tx.execute(each).scalar() for each in query)
    return first or 1, last or 0


def position_at(tx: Connection, when: float, last: int) -> int:
    """The last position of the events that had arrived by then, by binary search."""
    low, high = 0, last
    nearest = (
        sa.select(events.c.received_at)
        .where(events.c.seq <= sa.bindparam("middle"))
        .order_by(events.c.seq.desc())
        .limit(1)
    )
    while low < high:
        middle = (low + high + 1) // 2
        received_at = tx.execute(nearest, {"middle": middle}).scalar()
        if received_at is None or received_at <= when:
            low = middle
        else:
            high = middle - 1
    return low
