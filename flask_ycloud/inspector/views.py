"""The pages of the inspector."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from flask import abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..errors import InboxUnavailable
from ..formats import ago, exact
from ..inbox import Stats, StoredEvent, last_hour, rejected, search
from ..protocol import EVENT_TYPES, sample_event, variants
from ..runtime import Runtime, runtime_of
from ..web import GuardedBlueprint, exempt_from_csrf
from .actions import dead_ids, id_of, post, replay_all
from .charts import bars, clock, lines
from .forms import check_csrf_token, csrf_token, filters, in_query
from .headers import secure
from .masking import masked


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
                "stats": _stats,
                "slow_seconds": _slow_seconds,
            }
        )


def events() -> ResponseReturnValue:
    """The list, or straight to the event whose id is asked for."""
    wanted = request.args.get("id", "").strip()
    if wanted and _runtime().inbox.get(wanted):
        return redirect(url_for(".event", event_id=wanted))
    return render_template("ycloud/events.html", **_list(), wanted=wanted)


def rows() -> str:
    """The rows of the list, as the page asks for them every other second."""
    return render_template("ycloud/rows.html", **_list())


def event(event_id: str) -> str:
    """One event: its payload, and all that happened to it."""
    found = _get(event_id)
    body, pretty = found.body, None
    try:
        loaded = json.loads(body)
    except (ValueError, RecursionError):
        pass
    else:
        hide = _runtime().settings.inspector_masks
        pretty = json.dumps(
            masked(loaded) if hide else loaded, indent=2, ensure_ascii=False
        )
    return render_template(
        "ycloud/event.html",
        event=found,
        pretty=pretty,
        raw=None if _runtime().settings.inspector_masks else _as_text(body),
    )


def activity() -> str:
    """Charts of the last hour, and what was rejected in the last day."""
    inbox = _runtime().inbox
    minutes = last_hour(inbox)
    return render_template(
        "ycloud/activity.html",
        minutes=minutes,
        arrivals=bars(minutes, "arrived"),
        outcomes=bars(minutes, "succeeded", "failed", "discarded"),
        times=lines(minutes, "mean_seconds", "slowest_seconds"),
        rejected=rejected(inbox),
        clock=clock,
    )


def replay() -> ResponseReturnValue:
    """Ask, then have events handled again: some, or all dead letters."""
    ids = request.form.getlist("id")
    everything = "all" in request.form
    again = "succeeded_too" in request.form
    if not ids and not everything:
        return redirect(url_for(".events", state="dead"))
    if "sure" not in request.form:
        count = _runtime().inbox.stats().dead if everything else len(ids)
        return render_template(
            "ycloud/replay.html", ids=ids, everything=everything, again=again, count=count
        )
    inbox = _runtime().inbox
    done, left = replay_all(inbox, dead_ids(inbox) if everything else ids, again)
    if len(ids) == 1:
        return redirect(url_for(".event", event_id=ids[0], replayed=done, left=left))
    return redirect(url_for(".events", replayed=done, left=left))


def send() -> str:
    """A sample from the catalogue, through the real route of an endpoint."""
    runtime = _runtime()
    wanted = request.values.get("type", "sms.message.updated")
    if wanted not in EVENT_TYPES:
        abort(404, f"{wanted!r} is no documented event type.")
    variant = request.values.get("variant") or None
    if variant not in (None, *variants(wanted)):
        variant = None
    name = request.values.get("endpoint") or None
    name = name if name in runtime.endpoints else runtime.endpoint_named(None)
    body, answer, sent_id = request.form.get("body"), None, None
    if body is None:
        sample = sample_event(wanted, variant=variant)
        body = json.dumps(sample, indent=2, ensure_ascii=False)
    else:
        answer, sent_id = post(runtime, name, body.encode()), id_of(body)
    return render_template(
        "ycloud/send.html",
        types=EVENT_TYPES,
        wanted=wanted,
        variants=variants(wanted),
        variant=variant,
        endpoints=runtime.endpoints,
        endpoint=name,
        body=body,
        answer=answer,
        sent_id=sent_id,
    )


def _list() -> dict[str, Any]:
    found, runtime = filters(), _runtime()
    page, query = search(runtime.inbox, **found), in_query(found)
    return {
        "page": page,
        "query": query,
        # The first page, unless somebody is choosing from it.
        "live": "before" not in found and found.get("state") != "dead",
        "rows_url": _url(".rows", query),
        "newest_url": _url(".events", query, before=None),
        "older_url": _url(".events", query, before=page.older),
        "types": EVENT_TYPES,
        "endpoints": runtime.endpoints,
    }


def _url(view: str, query: dict[str, Any], **changes: Any) -> str:
    """A list's URL. By hand, since url_for has an argument named endpoint, as we have."""
    wanted = {name: v for name, v in {**query, **changes}.items() if v is not None}
    return url_for(view) + (f"?{urlencode(wanted)}" if wanted else "")


def _stats() -> Stats | None:
    """What every whole page shows above: nothing while the inbox cannot be read."""
    try:
        return _runtime().inbox.stats()
    except InboxUnavailable:
        return None


def _slow_seconds() -> float:
    return _runtime().settings.slow_handler_seconds


def _get(event_id: str) -> StoredEvent:
    found = _runtime().inbox.get(event_id)
    if found is None:
        abort(404, f"The inbox has no event {event_id!r}.")
    return found


def _as_text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")


def _runtime() -> Runtime:
    return runtime_of(current_app)


def _unavailable(error: InboxUnavailable) -> tuple[str, int]:
    return render_template("ycloud/unavailable.html", error=error), 503


#: The ready-made inspector, at ``/ycloud/inspector/``.
inspector_bp = InspectorBlueprint()
