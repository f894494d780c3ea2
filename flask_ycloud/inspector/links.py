"""URLs of events and lists, and events in form fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import request, url_for

from ..inbox import Identity, Inbox, StoredEvent, with_id

# Browsers remove /../ and /./ from a path, and servers may remove //.
_FITS_INTO_A_PATH = re.compile(r"(?!\.{1,2}$)[^/\\]+")


def event_url(
    event_id: str, endpoint: str = "", tenant: str | None = None, **more: Any
) -> str:
    """Return the URL of an event's page.

    Without an endpoint the page lists the events, if several have the id.
    """
    where = {"endpoint": endpoint, "tenant": tenant, **more}
    if _FITS_INTO_A_PATH.fullmatch(event_id):
        return _url(url_for(".event", event_id=event_id), where)
    return _url(url_for(".event"), {"id": event_id, **where})


def list_url(view: str, query: dict[str, Any], **changes: Any) -> str:
    """Return the URL of a list, with its filters."""
    return _url(url_for(view), {**query, **changes})


def asked_for(inbox: Inbox, event_id: str) -> Sequence[StoredEvent]:
    """Return the events with an id, at the endpoint and tenant in the URL."""
    endpoint, tenant = (request.args.get(each, "") for each in ("endpoint", "tenant"))
    found = with_id(inbox, event_id, endpoint=endpoint or None, tenant=tenant or None)
    exactly = Identity(event_id, endpoint, tenant)
    return [each for each in found if each.identity == exactly] or found


def in_form(identity: Identity) -> str:
    """Return an identity as the value of a form field."""
    return urlencode(identity._asdict())


def from_form(value: str) -> Identity:
    """Parse what :func:`in_form` returns. Anything else gives the identity of no event."""
    known = dict(parse_qsl(value, keep_blank_values=True))
    return Identity(*(known.get(name, "") for name in Identity._fields))


def _url(path: str, query: dict[str, Any]) -> str:
    """Build the query here, since url_for has an argument named ``endpoint``, too."""
    wanted = {name: value for name, value in query.items() if value not in (None, "")}
    return path + (f"?{urlencode(wanted)}" if wanted else "")
