"""The page of pauses: endpoints, types and handlers that are paused."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue

from ..actions import log_action
from ..runtime import runtime_of
from ..web import actor_name
from .forms import pattern
from .links import list_url
from .names import endpoint_names, handler_names
from .tokens import notice

_KINDS = ("endpoint", "type", "handler")


def pauses() -> str:
    """Show what is paused, and what can be paused."""
    runtime = runtime_of(current_app)
    return render_template(
        "ycloud/pauses.html",
        pauses=runtime.inbox.pauses(),
        endpoints=endpoint_names(runtime),
        handlers=handler_names(runtime),
        handler=request.args.get("handler", ""),
    )


def pause() -> ResponseReturnValue:
    """Pause an endpoint, a type, a handler or everything."""
    what = _what()
    try:
        began = runtime_of(current_app).inbox.pause(**what)
    except ValueError as error:
        abort(400, str(error))
    return _told("pause", what, "Paused" if began else "Paused already")


def resume() -> ResponseReturnValue:
    """End a pause."""
    what = _what()
    try:
        ended = runtime_of(current_app).inbox.resume(**what)
    except ValueError as error:
        abort(400, str(error))
    return _told("resume", what, "Resumed" if ended else "Not paused")


def _what() -> dict[str, Any]:
    """Read what the form names; an empty dict means everything."""
    kind, name = request.form.get("kind", ""), request.form.get("name", "").strip()
    if kind == "all":
        return {}
    if kind not in _KINDS or not name:
        abort(400, "Enter an endpoint, an event type or a handler, or choose everything.")
    return {kind: pattern(name) if kind == "type" else name}


def _told(verb: str, what: dict[str, Any], said: str) -> ResponseReturnValue:
    log_action(actor_name(), verb, count=0, address=request.remote_addr, **what)
    named = next((f"{kind} {name}" for kind, name in what.items()), "everything")
    return redirect(list_url(".pauses", {}, notice=notice(f"{said}: {named}.")))
