"""Convert rows of the tables to the values of the inbox, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from sqlalchemy.engine import Connection

from . import queries
from .cipher import Cipher
from .records import Attempt, HandlerState, Identity, Progress, StoredEvent, WaitsFor
from .tables import HELD

_LAST_SECOND = 253_402_300_799.0  # of the year 9999
_LONGEST_TEXT = 2_000  # characters, of a reason or an error


NO_CIPHER = Cipher()


def handler_states(
    tx: Connection, seqs: Sequence[int], cipher: Cipher = NO_CIPHER
) -> Iterator[tuple[int, HandlerState]]:
    """The outcomes of the handlers of these events, each with its event's ``seq``.

    :param cipher: decrypts their errors; without it the messages stay encrypted.
    """
    if tx.dialect.name == "sqlite":
        rows = [row for seq in seqs for row in queries.OUTCOMES.run(tx, {"seq_": seq})]
    else:
        rows = queries.OUTCOMES_OF.run(tx, {"seqs_": list(seqs)}) if seqs else []
    for seq, *values in rows:
        state = HandlerState(*values)
        opened = cipher.open_error(state.error) if cipher else state.error
        yield seq, state if opened == state.error else replace(state, error=opened)


def attempts_of(
    tx: Connection, seq: int, cipher: Cipher = NO_CIPHER
) -> tuple[Attempt, ...]:
    """Every run of an event's handlers."""
    runs = tx.execute(queries.ATTEMPTS, {"seq_": seq}).mappings()
    return tuple(
        Attempt(
            **{
                **run,
                "ended_at": at(run["ended_at"]),
                "error": cipher.open_error(run["error"]),
            }
        )
        for run in runs
    )


def stored(
    row: Any,
    handlers: tuple[HandlerState, ...] = (),
    attempts: tuple[Attempt, ...] = (),
    cipher: Cipher = NO_CIPHER,
) -> StoredEvent:
    """The event in a row.

    :param cipher: decrypts its body at the first use.
    """
    due_at, waits_for = _waiting(row)
    held_for = (row.reason or "").split("\n") if waits_for == "pause" else ()
    reason = None if held_for else row.reason
    body = getattr(row, "body", b"")  # a list may leave it out
    return StoredEvent(
        id=row.id,
        type=row.type,
        endpoint=row.endpoint,
        state=row.state,
        received_at=at(row.received_at),
        signed_at=_at(row.signed_at),
        due_at=_at(due_at),
        settled_at=_at(row.settled_at),
        reason=reason and cipher.open_text(reason),
        position=row.seq,
        opens=cipher.opener(body, row.body_key if body else None),
        redeliveries=row.redeliveries,
        redelivered_at=_at(row.redelivered_at),
        unhandled=bool(row.unhandled),
        running_handler=row.handler if row.state == "running" else None,
        running_since=_at(row.started_at) if row.state == "running" else None,
        handlers=handlers,
        attempts=attempts,
        tenant=row.tenant or None,
        endpoint_id=row.endpoint_id,
        conflict_id=row.conflict_id,
        waits_for=waits_for,
        paused_handlers=tuple(filter(None, held_for)),
        origin=row.origin,
        emptied_at=_at(row.emptied_at),
    )


def with_handlers(
    tx: Connection, rows: Sequence[Any], cipher: Cipher = NO_CIPHER
) -> list[StoredEvent]:
    """The events in rows, with the outcomes of their handlers."""
    states: dict[int, list[HandlerState]] = {}
    for seq, state in handler_states(tx, [row.seq for row in rows], cipher):
        states.setdefault(seq, []).append(state)
    return [stored(row, tuple(states.get(row.seq, ())), (), cipher) for row in rows]


def _waiting(row: Any) -> tuple[float | None, WaitsFor | None]:
    """When an event can be claimed next, and what it waits for if it is pending."""
    due_at = row.parked_due_at if row.due_at is None else row.due_at
    if due_at is None:
        return None, None
    held = due_at >= HELD
    due_at -= HELD if held else 0.0
    waits_for: WaitsFor = "retry" if due_at else "worker"
    if held:
        waits_for = "pause"
    elif row.parked_due_at is not None:
        waits_for = "conversation"
    due_at = max(due_at, row.received_at)
    return due_at, waits_for if row.state == "pending" else None


def identified(identity: Identity) -> dict[str, Any]:
    """An identity as parameters of the statements."""
    return {f"{name}_": value for name, value in identity._asdict().items()}


def at(seconds: float) -> datetime:
    """Unix seconds as an aware datetime in UTC; the nearest one if out of range."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST_SECOND), timezone.utc)


def _at(seconds: float | None) -> datetime | None:
    return None if seconds is None else at(seconds)


def claim_values(progress: Progress, now: float, lease: float) -> dict[str, Any]:
    """The end or renewal of a claim as parameters of the statements."""
    claim, verdict = progress.claim, progress.verdict
    values: dict[str, Any] = {"seq": claim.seq, "attempt": claim.attempt}
    if verdict is None:
        return values | {
            "state": "running", "due_at": now + lease, "reason": None,
            "settled_at": None, "unhandled": False,
        }  # fmt: skip
    held = verdict.state == "pending" and verdict.due_at is None
    return values | {
        "state": verdict.state,
        "due_at": HELD + now if held else verdict.due_at,
        "reason": storable(verdict.reason),
        "settled_at": now if verdict.state in ("done", "dead") else None,
        "unhandled": verdict.unhandled,
    }


def run_values(
    seq: int, state: HandlerState, now: float, cipher: Cipher = NO_CIPHER
) -> dict[str, Any]:
    """A handler's run as parameters of the statements."""
    return {
        "seq": seq,
        "handler": storable(state.handler),
        "state": state.state,
        "number": state.attempts,
        "next_at": state.next_at,
        "seconds": state.seconds,
        "error": cipher.seal_error(state.state, storable(state.error)),
        "now": now,
    }


def storable(text: object) -> str | None:
    """A short text that every database can store: without NUL and surrogates.

    A handler may give any object as a reason.
    """
    if text is None:
        return None
    plain = str(text)[:_LONGEST_TEXT].replace("\0", "\\x00")
    return plain.encode("utf-8", "backslashreplace").decode()
