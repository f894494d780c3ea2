"""Actions on events: on chosen events, or on all events that match a filter."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from flask import current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue

from ..actions import WHY_SKIPPED, log_action
from ..inbox import Identity, Inbox, Report, SelectedEvents, Selection
from ..runtime import runtime_of
from ..web import actor_name
from .forms import filters, in_query, position, selection
from .links import event_url, from_form, list_url
from .tokens import notice

#: How long one request acts. The page requests the rest automatically.
_SECONDS = 2.0


@dataclass(frozen=True)
class Asked:
    """The action that the user asks for, and its events.

    :param what: ``"replay"``, ``"discard"`` or ``"delete"``.
    :param found: the filter, as :func:`filters` returns it.
    :param chosen: the events that the user chose; empty if the action is for all events
        that match the filter.
    """

    what: str
    found: dict[str, Any]
    chosen: tuple[Identity, ...]
    reason: str
    succeeded_too: bool

    @property
    def selection(self) -> Selection:
        """All events that match the filter."""
        return selection(self.found)

    @property
    def how(self) -> dict[str, Any]:
        """The options of the action, for the log."""
        return {"reason": self.reason, "succeeded_too": self.succeeded_too}


def replay() -> ResponseReturnValue:
    """Ask, then replay events."""
    return _act(_asked("replay"))


def discard() -> ResponseReturnValue:
    """Ask for a reason, then discard events."""
    return _act(_asked("discard"))


def delete() -> ResponseReturnValue:
    """Ask, then delete events."""
    return _act(_asked("delete"))


def _asked(what: str) -> Asked:
    everything = "all" in request.form
    chosen = () if everything else tuple(map(from_form, request.form.getlist("event")))
    found = filters(request.form)
    found.pop("before", None)
    reason = request.form.get("reason", "").strip()
    return Asked(what, found, chosen, reason, "succeeded_too" in request.form)


def _act(asked: Asked) -> ResponseReturnValue:
    every = "all" in request.form and asked.found
    if not asked.chosen and not every:
        return redirect(list_url(".events", in_query(asked.found), notice=notice(_NONE)))
    inbox = runtime_of(current_app).inbox
    if "sure" not in request.form or (asked.what == "discard" and not asked.reason):
        return _confirm(inbox, asked)
    if asked.chosen:
        return _on_chosen(inbox, asked)
    return _on_selected(inbox, asked)


_NONE = "No events were chosen, so nothing was done. Choose events, or a filter."


def _confirm(inbox: Inbox, asked: Asked) -> str:
    count = len(asked.chosen) or inbox.select(asked.selection).count()
    return _page("ycloud/confirm.html", asked, count=count, begun=time.time())


def _page(template: str, asked: Asked, **more: Any) -> str:
    query = in_query(asked.found)
    if len(asked.chosen) == 1:
        back = event_url(*asked.chosen[0])
    else:
        back = list_url(".events", query)
    return render_template(template, asked=asked, query=query, back=back, **more)


def _on_chosen(inbox: Inbox, asked: Asked) -> ResponseReturnValue:
    done, skipped = _each(asked.chosen, _function(inbox, asked))
    log_action(
        actor_name(),
        asked.what,
        done,
        address=request.remote_addr,
        left_out=len(asked.chosen) - len(done) or None,
        **asked.how,
    )
    told = notice(_told(asked, len(done), skipped))
    if len(asked.chosen) == 1 and asked.chosen[0].id:
        return redirect(event_url(*asked.chosen[0], notice=told))
    return redirect(list_url(".events", in_query(asked.found), notice=told))


def _function(inbox: Inbox, asked: Asked) -> Callable[..., None]:
    if asked.what == "replay":
        return lambda event_id, **where: inbox.replay(
            event_id, succeeded_too=asked.succeeded_too, **where
        )
    if asked.what == "discard":
        return lambda event_id, **where: inbox.discard(event_id, asked.reason, **where)
    return inbox.delete


def _each(
    chosen: Iterable[Identity], act: Callable[..., None]
) -> tuple[list[Identity], Counter[str]]:
    """Act on each event; return the changed ones, and count why others were skipped."""
    done, skipped = list[Identity](), Counter[str]()
    for each in chosen:
        try:
            act(each.id, endpoint=each.endpoint, tenant=each.tenant)
        except tuple(WHY_SKIPPED) as error:
            skipped[WHY_SKIPPED[type(error)]] += 1
        else:
            done.append(each)
    return done, skipped


def _on_selected(inbox: Inbox, asked: Asked) -> ResponseReturnValue:
    """Act for some seconds. The page then requests the rest."""
    begun = request.form.get("begun", type=float) or 0.0
    report = _for_some_seconds(inbox.select(_until(asked.selection, begun)), asked)
    log_action(
        actor_name(),
        asked.what,
        count=report.done,
        address=request.remote_addr,
        **{**in_query(asked.found), **asked.how},
    )
    done = report.done + (request.form.get("done", type=position) or 0)
    skipped = Counter(report.skipped)
    for each in _WHY_NOT_SELECTED:
        skipped[each] += request.form.get(f"skipped {each}", type=position) or 0
    if report.stopped_at is not None:
        count = request.form.get("count", type=position) or 0
        progress = {"done": done, "skipped": +skipped, "after": report.stopped_at}
        met = done + sum(skipped.values())
        return _page("ycloud/progress.html", asked, count=max(count, met), met=met,
                     begun=begun, **progress)  # fmt: skip
    told = notice(_told(asked, done, +skipped))
    return redirect(list_url(".events", in_query(asked.found), notice=told))


#: The reasons for skipping, in the words of the inbox.
_WHY_NOT_SELECTED = (
    "being handled now", "done already", "discarded already", "changed meanwhile",
    "without a body", "being handled now, or changed meanwhile",
)  # fmt: skip


def _for_some_seconds(some: SelectedEvents, asked: Asked) -> Report:
    after = request.form.get("after", type=position) or 0
    if asked.what == "delete":
        return some.delete(after=after, seconds=_SECONDS)
    if asked.what == "discard":
        return some.discard(asked.reason, after=after, seconds=_SECONDS)
    return some.replay(succeeded_too=asked.succeeded_too, after=after, seconds=_SECONDS)


def _until(chosen: Selection, begun: float) -> Selection:
    """Leave out the events that arrived after the user was asked."""
    try:
        then = datetime.fromtimestamp(begun, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return chosen
    return replace(chosen, until=min(then, chosen.until or then)) if begun else chosen


def _told(asked: Asked, done: int, skipped: Counter[str]) -> str:
    outcome = {"replay": "queued for replay", "discard": "discarded", "delete": "deleted"}
    events = f"{done:,} event{'' if done == 1 else 's'}"
    others = (f"{count:,} skipped: {why}" for why, count in skipped.items())
    return "; ".join((f"{events} {outcome[asked.what]}", *others)) + "."
