"""The inspector's blueprint: its pages, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app
from werkzeug.exceptions import HTTPException

from ..errors import InboxUnavailable
from ..formats import ago, exact, rejection, short, short_id
from ..runtime import runtime_of
from ..web import GuardedBlueprint, exempt_from_csrf, may_act
from . import acting, activity_page, event_page, faults, lists, pausing, samples
from .headers import secure
from .links import event_url, in_form, list_url
from .names import title
from .tokens import check_csrf_token, csrf_token, notice_told
from .words import handler_and_error, is_asked_for, reasons

_GET, _POST = ("GET",), ("POST",)
_PAGES: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("/", lists.events, _GET),
    ("/rows", lists.rows, _GET),
    ("/find", lists.find, _POST),
    ("/live-counts", lists.counts, _GET),
    ("/causes", lists.causes, _GET),
    ("/events/<path:event_id>", event_page.event, _GET),
    ("/event", event_page.event, _GET),
    ("/status", event_page.status, _GET),
    ("/body", event_page.body, _GET),
    ("/activity", activity_page.activity_page, _GET),
    ("/pauses", pausing.pauses, _GET),
    ("/pause", pausing.pause, _POST),
    ("/resume", pausing.resume, _POST),
    ("/replay", acting.replay, _POST),
    ("/discard", acting.discard, _POST),
    ("/delete", acting.delete, _POST),
    ("/send", samples.send, ("GET", "POST")),
    ("/<path:path>", faults.unknown, _GET),
)


class InspectorBlueprint(GuardedBlueprint):
    """Pages that show the events in the inbox: ``<url_prefix>/``.

    Closed by default: see :class:`GuardedBlueprint`.
    """

    defaults = {  # noqa: RUF012
        "name": "inspector",
        "url_prefix": "/ycloud/inspector",
        "template_folder": "templates",
        "static_folder": "static",
    }

    looking = frozenset(("find",))

    def add_pages(self) -> None:
        """Add the pages, and what they share."""
        for rule, view, methods in _PAGES:
            self.add_url_rule(rule, view_func=view, methods=methods)
        self.before_request(check_csrf_token)
        self.after_request(secure)
        self.register_error_handler(InboxUnavailable, faults.unavailable)
        self.register_error_handler(HTTPException, faults.fault)
        self.url_value_preprocessor(lambda *_: exempt_from_csrf(self))
        for name, function in _FILTERS.items():
            self.app_template_filter(f"ycloud_{name}")(function)
        self.context_processor(lambda: dict(_FUNCTIONS))


def _title() -> str:
    return title(runtime_of(current_app))


def _slow_seconds() -> float:
    return runtime_of(current_app).settings.slow_handler_seconds


_FILTERS: dict[str, Callable[..., str]] = {
    "ago": ago,
    "time": exact,
    "short": short,
    "short_id": short_id,
    "rejection": rejection,
}

_FUNCTIONS = {
    "csrf_token": csrf_token,
    "event_url": event_url,
    "handler_and_error": handler_and_error,
    "in_form": in_form,
    "is_asked_for": is_asked_for,
    "list_url": list_url,
    "may_act": may_act,
    "notice_told": notice_told,
    "reasons": reasons,
    "slow_seconds": _slow_seconds,
    "stats": lists.stats,
    "title": _title,
}

#: The ready-made inspector, at ``/ycloud/inspector/``.
inspector_bp = InspectorBlueprint()
