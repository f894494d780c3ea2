"""The page of one event: its payload and its history."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, abort, current_app, render_template, request

from ..errors import YCloudError
from ..inbox import Inbox, StoredEvent
from ..runtime import Runtime, runtime_of
from ..waiting import most_attempts, waits_for
from ..web import INSPECTOR
from .bodies import body_of, shown
from .curl import as_curl
from .links import asked_for
from .masking import error_of
from .samples import id_of

_STRANGE = re.compile(r"[^A-Za-z0-9_.-]+")
_FILE_NAME_LENGTH = 80


def event(event_id: str | None = None) -> str:
    """Show an event; or a list, if several events have the id.

    The query has the id if it does not fit into a path.
    """
    event_id = request.args.get("id", "") if event_id is None else event_id
    runtime = runtime_of(current_app)
    some = asked_for(runtime.inbox, event_id)
    if len(some) > 1:
        return render_template("ycloud/which.html", event_id=event_id, events=some)
    found = _found(runtime.inbox, event_id)
    body, missing = body_of(found)
    return render_template(
        "ycloud/event.html",
        **_happened(runtime, found, body),
        body=shown(body, hide=runtime.settings.inspector_masks),
        size=len(body),
        missing=missing,
        curl=_curl(runtime, found, body),
    )


def status() -> str:
    """Show the state and history of an event. Its page requests this until it settles."""
    runtime = runtime_of(current_app)
    found = _found(runtime.inbox, request.args.get("id", ""))
    return render_template(
        "ycloud/status.html", **_happened(runtime, found, body_of(found)[0])
    )


def body() -> Response:
    """Send the exact body as a file."""
    runtime = runtime_of(current_app)
    if runtime.settings.inspector_masks:
        abort(403, "Personal data is masked (YCLOUD_INSPECTOR_MASKS).")
    found = _found(runtime.inbox, request.args.get("id", ""))
    content, missing = body_of(found)
    if missing:
        abort(404, missing)
    answer = Response(content, mimetype="application/octet-stream")
    name = f"{_STRANGE.sub('-', found.id)[:_FILE_NAME_LENGTH]}.json"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _found(inbox: Inbox, event_id: str) -> StoredEvent:
    some = asked_for(inbox, event_id)
    if some:
        event_id, endpoint, tenant = some[0].identity
        found = inbox.get(event_id, endpoint=endpoint, tenant=tenant)
        if found is not None:
            return found
    abort(404, f"The inbox has no event {event_id!r}.")


def _happened(runtime: Runtime, found: StoredEvent, body: bytes) -> dict[str, Any]:
    most: Callable[[str], int | None] = partial(most_attempts, runtime, found)
    return {
        "event": found,
        "original": _original(runtime.inbox, found, body),
        "live": found.state in ("pending", "running"),
        "waits": waits_for(runtime, found),
        "most_attempts": most,
        "sent_from_here": found.origin == INSPECTOR,
        "error_of": partial(error_of, hide=runtime.settings.inspector_masks),
    }


def _curl(runtime: Runtime, found: StoredEvent, body: bytes) -> str | None:
    """Return the body as a command, if it may be shown and its endpoint is known."""
    endpoint = runtime.endpoints.get(found.endpoint)
    if runtime.settings.inspector_masks or endpoint is None:
        return None
    try:
        path = runtime.path_of(found.endpoint, found.tenant)
    except YCloudError:  # since then the path got a <tenant>, or lost it
        return None
    url = request.host_url.rstrip("/") + path
    return as_curl(body, url, endpoint.secrets.key or "YCLOUD_WEBHOOK_SECRET")


def _original(inbox: Inbox, found: StoredEvent, body: bytes) -> StoredEvent | None:
    """Return the event that had the id of this body first, if this is a conflict."""
    event_id = id_of(body) if found.type else None
    if event_id is None or event_id == found.id:
        return None
    other = inbox.get(event_id, endpoint=found.endpoint, tenant=found.tenant or "")
    return other if other and other.conflict_id == found.id else None
