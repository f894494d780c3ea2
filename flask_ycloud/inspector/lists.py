"""Lists: events by a filter, dead letters by their cause; and the counts at the top."""

from __future__ import annotations

from typing import Any

from flask import current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue

from ..errors import InboxUnavailable
from ..inbox import Selection, Stats, search, with_id
from ..protocol import EVENT_TYPES
from ..runtime import runtime_of
from ..waiting import waits_for
from ..web import may_act
from .forms import STATES, UNHANDLED, filters, in_query, selection
from .links import asked_for, event_url, list_url
from .names import endpoint_names, handler_names
from .summaries import summary

#: The states in which a list offers replays, and those in which it offers discards.
_REPLAYED = ("", "pending", "done", "dead", "discarded", UNHANDLED)
_DISCARDED = ("pending", "dead", UNHANDLED)
#: How the ids of events begin: YCloud's own, and those of bodies that are not understood.
_EVENT_IDS = ("evt_", "sha256:")


def events() -> ResponseReturnValue:
    """Show the list, or redirect to the event whose id is in the query."""
    runtime = runtime_of(current_app)
    wanted = request.args.get("id", "").strip()
    if wanted and asked_for(runtime.inbox, wanted):
        where = (request.args.get(each, "") for each in ("endpoint", "tenant"))
        return redirect(event_url(wanted, *where))
    listed = _listed()
    return render_template(
        "ycloud/events.html",
        **listed,
        wanted=wanted,
        types=EVENT_TYPES,
        states=("", *STATES, UNHANDLED),
        endpoints=endpoint_names(runtime),
        handlers=handler_names(runtime),
        chips=_chips(listed["query"]),
        count=_count(listed) if listed["choosing"] else None,
    )


def find() -> ResponseReturnValue:
    """Redirect to an event by its id, or to the events about a person or a message.

    It is a POST, and the URL of the list has only a hash of the name: personal data does
    not belong into logs.
    """
    about, query = request.form.get("who", "").strip(), in_query(filters(request.form))
    inbox = runtime_of(current_app).inbox
    where = {name: query.get(name) for name in ("endpoint", "tenant")}
    if about.startswith(_EVENT_IDS) or (about and with_id(inbox, about, **where)):
        return redirect(list_url(".events", query, id=about))
    try:
        selected = inbox.select(about=about)
    except ValueError:
        return redirect(list_url(".events", query, about=None))
    return redirect(list_url(".events", query, about=selected.about_in_url()))


def rows() -> str:
    """Show the rows of the list. The page requests them every two seconds."""
    return render_template("ycloud/rows.html", **_listed())


def counts() -> str:
    """Show the counts at the top. Each page requests them every five seconds."""
    return render_template("ycloud/counts.html")


def causes() -> str:
    """Show dead letters by their cause."""
    found = runtime_of(current_app).inbox.dead_by_cause()
    return render_template("ycloud/causes.html", causes=found)


def stats() -> Stats | None:
    """Return the counts at the top; ``None`` while the inbox cannot be read."""
    try:
        return runtime_of(current_app).inbox.stats()
    except InboxUnavailable:
        return None


def _listed() -> dict[str, Any]:
    found, runtime = filters(request.args), runtime_of(current_app)
    page, query = search(runtime.inbox, **found), in_query(found)
    state, chosen = query.get("state", ""), selection(found)
    narrowed = chosen != Selection()
    replays = narrowed and may_act() and state in _REPLAYED
    hide = runtime.settings.inspector_masks
    return {
        "page": page,
        "query": query,
        "selection": chosen,
        "live": "before" not in found,
        "replays": replays,
        "discards": replays and state in _DISCARDED,
        "deletes": replays,
        "choosing": replays,
        "waits_for": lambda event: waits_for(runtime, event),
        "summaries": {each.position: summary(each, hide=hide) for each in page.events},
        "rows_url": list_url(".rows", query),
        "newest_url": list_url(".events", query, before=None),
        "older_url": list_url(".events", query, before=page.older),
        "tenants": "tenant" in found
        or any(each.tenant for each in page.events)
        or any(map(runtime.serves_many, runtime.endpoints)),
    }


def _count(listed: dict[str, Any]) -> int | None:
    """Return how many events match the filter, if an index can count them."""
    chosen: Selection = listed["selection"]
    if not chosen.few:
        return None
    return runtime_of(current_app).inbox.select(chosen).count()


def _chips(query: dict[str, Any]) -> list[tuple[str, str]]:
    """Return each part of the filter, and the URL of the list without that part."""
    parts = {name: each for name, each in query.items() if name not in ("before", "state")}
    return [
        (_chip(name, value), list_url(".events", query, **{name: None, "before": None}))
        for name, value in parts.items()
    ]


def _chip(name: str, value: object) -> str:
    return "about a person or message" if name == "about" else f"{name} {value}"
