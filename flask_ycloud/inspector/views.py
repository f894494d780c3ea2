"""The pages of the inspector."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import abort, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue

from ..errors import BodyUnreadable, InboxUnavailable
from ..formats import ago, exact
from ..inbox import OUR_FAULTS, Inbox, Stats, StoredEvent, last_day, last_hour, search
from ..protocol import EVENT_TYPES
from ..runtime import Runtime, runtime_of
from ..web import INSPECTOR, GuardedBlueprint, exempt_from_csrf, may_act
from .bodies import shown
from .charts import bars, clock, lines
from .forms import filters, in_query
from .headers import secure
from .links import asked_for, event_url, in_form, list_url
from .masking import error_of
from .replays import replay
from .samples import id_of, send
from .tokens import check_csrf_token, csrf_token, notice_told


class InspectorBlueprint(GuardedBlueprint):
    """Pages that show what is in the inbox: ``<url_prefix>/``.

    Closed by default: see :class:`GuardedBlueprint`.
    """

    defaults = {  # noqa: RUF012
        "name": "inspector",
        "url_prefix": "/ycloud/inspector",
        "template_folder": "templates",
        "static_folder": "static",
    }

    def add_pages(self) -> None:
        """Add the pages, and what all of them need."""
        for rule, view, methods in (
            ("/", events, ["GET"]),
            ("/rows", rows, ["GET"]),
            ("/events/<path:event_id>", event, ["GET"]),
            ("/event", event, ["GET"]),
            ("/activity", activity, ["GET"]),
            ("/replay", replay, ["POST"]),
            ("/send", send, ["GET", "POST"]),
        ):
            self.add_url_rule(rule, view_func=view, methods=methods)
        self.before_request(check_csrf_token)
        self.after_request(secure)
        self.register_error_handler(InboxUnavailable, _unavailable)
        self.url_value_preprocessor(lambda *_: exempt_from_csrf(self))
        self.app_template_filter("ycloud_ago")(ago)
        self.app_template_filter("ycloud_time")(exact)
        self.context_processor(
            lambda: {
                "csrf_token": csrf_token,
                "event_url": event_url,
                "in_form": in_form,
                "may_act": may_act,
                "notice_told": notice_told,
                "stats": _stats,
                "slow_seconds": _slow_seconds,
            }
        )


def events() -> ResponseReturnValue:
    """The list, or straight to the event whose id is asked for."""
    wanted = request.args.get("id", "").strip()
    if wanted and asked_for(_runtime().inbox, wanted):
        where = (request.args.get(each, "") for each in ("endpoint", "tenant"))
        return redirect(event_url(wanted, *where))
    return render_template("ycloud/events.html", **_list(), wanted=wanted)


def rows() -> str:
    """The rows of the list, as the page asks for them every other second."""
    return render_template("ycloud/rows.html", **_list())


def event(event_id: str | None = None) -> str:
    """One event: its payload, and all that happened to it; or those that have the id.

    An id that does not fit into a path is in the query.
    """
    if event_id is None:
        event_id = request.args.get("id", "")
    inbox = _runtime().inbox
    some = asked_for(inbox, event_id)
    if len(some) > 1:
        return render_template("ycloud/which.html", event_id=event_id, events=some)
    found = _get(inbox, some[0]) if some else None
    if found is None:
        abort(404, f"The inbox has no event {event_id!r}.")
    hide = _runtime().settings.inspector_masks
    body, missing = _body(found)
    return render_template(
        "ycloud/event.html",
        event=found,
        original=_original(inbox, found, body),
        body=shown(body, hide=hide),
        size=len(body),
        missing=missing,
        sent_from_here=found.origin == INSPECTOR,
        error_of=partial(error_of, hide=hide),
    )


def activity() -> str:
    """Charts of the last hour, and what became no event in the last day."""
    inbox = _runtime().inbox
    minutes, troubles = last_hour(inbox), last_day(inbox)
    return render_template(
        "ycloud/activity.html",
        minutes=minutes,
        arrivals=bars(minutes, "arrived"),
        outcomes=bars(minutes, "succeeded", "failed", "discarded"),
        times=lines(minutes, "mean_seconds", "slowest_seconds"),
        rejected=troubles.rejected,
        conflicts=troubles.conflicts,
        passwords=troubles.passwords,
        our_faults=OUR_FAULTS,
        clock=clock,
    )


def _list() -> dict[str, Any]:
    found, runtime = filters(), _runtime()
    page, query = search(runtime.inbox, **found), in_query(found)
    return {
        "page": page,
        "query": query,
        # The first page, unless somebody is choosing from it.
        "live": "before" not in found and found.get("state") != "dead",
        "rows_url": list_url(".rows", query),
        "newest_url": list_url(".events", query, before=None),
        "older_url": list_url(".events", query, before=page.older),
        "types": EVENT_TYPES,
        "endpoints": runtime.endpoints,
        "tenants": "tenant" in found
        or any(each.tenant for each in page.events)
        or any(map(runtime.serves_many, runtime.endpoints)),
    }


def _stats() -> Stats | None:
    """What every whole page shows above: nothing while the inbox cannot be read."""
    try:
        return _runtime().inbox.stats()
    except InboxUnavailable:
        return None


def _slow_seconds() -> float:
    return _runtime().settings.slow_handler_seconds


def _get(inbox: Inbox, event: StoredEvent) -> StoredEvent | None:
    event_id, endpoint, tenant = event.identity
    return inbox.get(event_id, endpoint=endpoint, tenant=tenant)


def _body(event: StoredEvent) -> tuple[bytes, str]:
    """The body of an event; none, and why, if it cannot be shown."""
    if event.emptied_at is not None:
        return b"", "It has no body any more."
    try:
        return event.body, ""
    except BodyUnreadable as error:
        return b"", str(error)


def _original(inbox: Inbox, event: StoredEvent, body: bytes) -> StoredEvent | None:
    """The event under whose id this body came, if this is a conflict."""
    event_id = id_of(body) if event.type else None
    if event_id is None or event_id == event.id:
        return None
    found = inbox.get(event_id, endpoint=event.endpoint, tenant=event.tenant or "")
    return found if found and found.conflict_id == event.id else None


def _runtime() -> Runtime:
    return runtime_of(current_app)


def _unavailable(error: InboxUnavailable) -> tuple[str, int]:
    return render_template("ycloud/unavailable.html", error=error), 503


#: The ready-made inspector, at ``/ycloud/inspector/``.
inspector_bp = InspectorBlueprint()
