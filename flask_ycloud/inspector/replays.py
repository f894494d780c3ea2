"""Events are handled again: some, or all dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..actions import log_action
from ..errors import EventEmptied, EventNotFound, EventRunning
from ..inbox import Identity, Inbox
from ..runtime import runtime_of
from ..web import actor_name
from .links import event_url, from_form
from .tokens import notice

_MOST_REPLAYED = 10_000
_AT_ONCE = 500


def replay() -> ResponseReturnValue:
    """Ask, then have events handled again: some, or all dead letters."""
    chosen = [from_form(each) for each in request.form.getlist("event")]
    everything = "all" in request.form
    again = "succeeded_too" in request.form
    inbox = runtime_of(current_app).inbox
    if not chosen and not everything:
        return redirect(url_for(".events", state="dead"))
    if "sure" not in request.form:
        return render_template(
            "ycloud/replay.html",
            chosen=chosen,
            everything=everything,
            again=again,
            count=inbox.stats().dead if everything else len(chosen),
        )
    who = actor_name()
    done, left = replay_all(inbox, dead_letters(inbox) if everything else chosen, again)
    address = request.remote_addr
    log_action(who, "replay", done, address=address, succeeded_too=again, left_out=left)
    told = notice(_told(len(done), left))
    if len(chosen) == 1 and chosen[0].id:
        return redirect(event_url(*chosen[0], notice=told))
    return redirect(url_for(".events", notice=told))


def dead_letters(inbox: Inbox) -> Iterator[Identity]:
    """All of them once, though a replayed one may be back at once."""
    before = None
    for _ in range(_MOST_REPLAYED // _AT_ONCE):
        found = inbox.list(state="dead", before=before, limit=_AT_ONCE, bodies=False)
        yield from (each.identity for each in found)
        if len(found) < _AT_ONCE:
            return
        before = found[-1].position


def replay_all(
    inbox: Inbox, chosen: Iterable[Identity], succeeded_too: bool
) -> tuple[list[Identity], int]:
    """Replay; give those that are due again, and count those that could not be."""
    done, left = [], 0
    for each in chosen:
        event_id, endpoint, tenant = each
        try:
            inbox.replay(
                event_id, endpoint=endpoint, tenant=tenant, succeeded_too=succeeded_too
            )
            done.append(each)
        except (EventEmptied, EventNotFound, EventRunning):
            left += 1
    return done, left


def _told(done: int, left: int) -> str:
    others = (
        f"; {left:,} could not be: gone, without a body, or being handled now"
        if left
        else ""
    )
    return f"{done:,} due again{others}."
