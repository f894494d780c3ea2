"""Encrypt what is stored already, if it is plain or encrypted with an older key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import BodyUnreadable
from . import queries
from .cipher import KEY_ID_LENGTH, MARK, Cipher
from .store import Inbox
from .tables import attempts, events, outcomes

_AT_ONCE = 100
_LOOKED_AT = 20_000  # of the oldest events, when it searches for plain bodies

# Only events in these states may have an encrypted reason. Indexes find them.
_WITH_REASON = ("discarded", "dead")

OnProgress = Callable[[int, int], object]


@dataclass(frozen=True)
class Rotation:
    """The result of :func:`encrypt`.

    :param bodies: how many bodies were rewritten.
    :param texts: how many messages of errors and reasons of discards were rewritten.
    :param unreadable: how many bodies could not be read, since their key is missing.
    """

    bodies: int
    texts: int
    unreadable: int


def encrypt(
    inbox: Inbox,
    *,
    decrypt: bool = False,
    on_progress: OnProgress = lambda done, total: None,
) -> Rotation:
    """Encrypt with the first key everything that is plain or has another key.

    It commits in small batches. Meanwhile all processes can accept deliveries and handle
    events. It can be called again if it was stopped.

    :param decrypt: decrypt everything instead.
    :param on_progress: called with the number of positions read so far, and their total.
    :raises InboxUnavailable: if the inbox cannot be written, or the package cryptography is
        missing.
    """
    target = Cipher() if decrypt else inbox.cipher
    target.seal(b"")  # fail now, not later, if the package is missing
    texts = sum(_rotate_texts(inbox, target, table) for table in (outcomes, attempts))
    texts += sum(_rotate_reasons(inbox, target, state) for state in _WITH_REASON)
    bodies, unreadable = _rotate_bodies(inbox, target, on_progress)
    inbox.truncate_log()
    return Rotation(bodies, texts, unreadable)


def keys_in_use(inbox: Inbox) -> frozenset[str]:
    """The ids of the keys that bodies, errors and reasons in the inbox need.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    following = (
        sa.select(events.c.body_key)
        .where(events.c.body_key.is_not(None), events.c.body_key > sa.bindparam("after_"))
        .order_by(events.c.body_key)
        .limit(1)
    )

    def work(tx: Connection) -> frozenset[str]:
        found = [""]
        while key_id := tx.execute(following, {"after_": found[-1]}).scalar():
            found.append(key_id)
        texts = {key_id for query in _keys_of_texts() for key_id in tx.scalars(query)}
        return frozenset(found[1:]) | texts

    return inbox.database.read(work)


def _keys_of_texts() -> Iterator[sa.Select[Any]]:
    """The queries for the ids of the keys of encrypted texts."""
    reasons = ((events.c.reason, queries.STATES[state]) for state in _WITH_REASON)
    errors = (
        (queries.below_first_line(table.c.error), table.c.error.is_not(None))
        for table in (outcomes, attempts)
    )
    for text, which in (*reasons, *errors):
        key_id = sa.func.substr(text, len(MARK) + 1, KEY_ID_LENGTH)
        yield sa.select(key_id).where(which, queries.starts_with(text, MARK)).distinct()


def has_plain(inbox: Inbox) -> bool:
    """Whether anything is not encrypted: a body, or the reason of a discarded event.

    Of the bodies, it checks those of the oldest 20,000 events.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    oldest = (
        sa.select(events.c.body_key, events.c.emptied_at)
        .order_by(events.c.seq)
        .limit(_LOOKED_AT)
        .subquery()
    )
    plain: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(oldest).limit(1)
    plain = plain.where(oldest.c.body_key.is_(None), oldest.c.emptied_at.is_(None))
    reason = sa.select(events.c.seq).where(_reason_is_plain("discarded")).limit(1)
    return inbox.database.read(lambda tx: any(map(tx.scalar, (plain, reason))))


def _reason_is_plain(state: str) -> sa.ColumnElement[bool]:
    """Whether the reason of an event of that state is to be sealed, and is not.

    Who discards writes what comes to mind. Of a dead letter it is the place of an error.
    """
    if state != "discarded":
        return sa.false()
    sealed = queries.starts_with(events.c.reason, MARK)
    return queries.STATES[state] & events.c.reason.is_not(None) & ~sealed


def _rotate_bodies(
    inbox: Inbox, target: Cipher, on_progress: OnProgress
) -> tuple[int, int]:
    """Rewrite bodies. Return how many were rewritten, and how many are unreadable."""
    other = (
        events.c.body_key.is_not(None)
        if target.key_id is None
        else events.c.body_key.is_distinct_from(target.key_id)
    )
    columns = (events.c.seq, events.c.body_key, events.c.body)
    query = sa.select(*columns).where(other, events.c.emptied_at.is_(None))
    query = query.order_by(events.c.seq).limit(_AT_ONCE)
    newest = sa.select(sa.func.max(events.c.seq))
    last = inbox.database.read(lambda tx: tx.execute(newest).scalar() or 0)
    after = bodies = unreadable = 0
    while rows := _read(inbox, query.where(events.c.seq > after)):
        after = rows[-1].seq
        sealed = list(_sealed(inbox.cipher, target, rows))
        unreadable += len(rows) - len(sealed)
        bodies += inbox.database.write(lambda tx, s=sealed: _write_bodies(tx, s))  # type: ignore[misc]
        on_progress(after, max(last, after))
    return bodies, unreadable


def _read(inbox: Inbox, query: Any) -> Sequence[Any]:
    return inbox.database.read(lambda tx: tx.execute(query).all())


def _sealed(cipher: Cipher, target: Cipher, rows: Iterable[Any]) -> Any:
    for row in rows:
        try:
            body = cipher.open(row.body, row.body_key)
        except BodyUnreadable:
            continue
        yield row.seq, row.body_key, target.key_id, target.seal(body)


def _write_bodies(tx: Connection, sealed: Iterable[tuple[Any, ...]]) -> int:
    """Write bodies, except for those that were changed since they were read."""
    written = 0
    for seq, before, key_id, body in sealed:
        same = events.c.body_key.is_not_distinct_from(before)
        these = (events.c.seq == seq, same, events.c.emptied_at.is_(None))
        update = events.update().where(*these).values(body=body, body_key=key_id)
        written += tx.execute(update).rowcount
    return written


def _rotate_reasons(inbox: Inbox, target: Cipher, state: str) -> int:
    """Rewrite the reasons of events in that state, with a body or without."""
    which = queries.starts_with(events.c.reason, MARK)
    if target.key_id is not None:
        which &= ~queries.starts_with(events.c.reason, f"{MARK}{target.key_id}:")
        which |= _reason_is_plain(state)
    query = sa.select(events.c.seq, events.c.reason).where(queries.STATES[state], which)
    query = query.order_by(events.c.seq).limit(_AT_ONCE)
    after = written = 0
    while rows := _read(inbox, query.where(events.c.seq > after)):
        after = rows[-1].seq
        sealed = [(each, _resealed(inbox.cipher, target, each.reason)) for each in rows]
        written += inbox.database.write(lambda tx, s=sealed: _write_reasons(tx, s, state))  # type: ignore[misc]
    return written


def _resealed(cipher: Cipher, target: Cipher, reason: str) -> str:
    if reason.startswith(MARK):
        return cipher.resealed_text(reason, target)
    return target.seal_text(reason)


def _write_reasons(tx: Connection, sealed: Iterable[tuple[Any, str]], state: str) -> int:
    """Write reasons, except for those that were changed since they were read."""
    written = 0
    for row, reason in sealed:
        same = (events.c.seq == row.seq, events.c.reason == row.reason)
        if reason != row.reason:
            update = events.update().where(*same, queries.STATES[state])
            written += tx.execute(update.values(reason=reason)).rowcount
    return written


def _rotate_texts(inbox: Inbox, target: Cipher, table: sa.Table) -> int:
    """Rewrite the errors in the table of the outcomes or of the attempts."""
    primary = list(table.primary_key.columns)
    with_error = table.c.error.is_not(None)
    seqs = sa.select(table.c.event_seq).where(with_error).distinct()
    seqs = seqs.order_by(table.c.event_seq).limit(_AT_ONCE)
    columns = (*primary, table.c.state, table.c.error)
    after = written = 0

    def some(after: int) -> Any:
        these = table.c.event_seq.in_(seqs.where(table.c.event_seq > after))
        return sa.select(*columns).where(these, with_error)

    def write(tx: Connection, rows: Sequence[Any]) -> int:
        changed = 0
        for row in rows:
            error = inbox.cipher.resealed_error(row.state, row.error, target)
            if error != row.error:
                this = [column == getattr(row, column.name) for column in primary]
                same = table.update().where(*this, table.c.error == row.error)
                changed += tx.execute(same.values(error=error)).rowcount
        return changed

    while rows := _read(inbox, some(after)):
        after = max(row.event_seq for row in rows)
        written += inbox.database.write(lambda tx, r=rows: write(tx, r))  # type: ignore[misc]
    return written
