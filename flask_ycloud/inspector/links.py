"""Which event is meant: in the URL of its page, and in a form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import request, url_for

from ..inbox import Identity, Inbox, StoredEvent, with_id

# Browsers take /../ and /./ out of a path, and servers may take // out.
_FITS_INTO_A_PATH = re.compile(r"(?!\.{1,2}$)[^/\\]+")


def event_url(
    event_id: str, endpoint: str = "", tenant: str | None = None, **more: Any
) -> str:
    """The page of an event. Without an endpoint, it asks which one is meant if it must."""
    where = {"endpoint": endpoint, "tenant": tenant, **more}
    if _FITS_INTO_A_PATH.fullmatch(event_id):
        return _url(url_for(".event", event_id=event_id), where)
    return _url(url_for(".event"), {"id": event_id, **where})


def list_url(view: str, query: dict[str, Any], **changes: Any) -> str:
    """The URL of a list, with its filters."""
    return _url(url_for(view), {**query, **changes})


def asked_for(inbox: Inbox, event_id: str) -> Sequence[StoredEvent]:
    """The events of that id that the URL may mean."""
    endpoint, tenant = (request.args.get(each, "") for each in ("endpoint", "tenant"))
    found = with_id(inbox, event_id, endpoint=endpoint or None, tenant=tenant or None)
    exactly = Identity(event_id, endpoint, tenant)
    return [each for each in found if each.identity == exactly] or found


def in_form(identity: Identity) -> str:
    """An identity as the value of a field."""
    return urlencode(identity._asdict())


def from_form(value: str) -> Identity:
    """What :func:`in_form` has made; of anything else, the identity of no event."""
    known = dict(parse_qsl(value, keep_blank_values=True))
    return Identity(*(known.get(name, "") for name in Identity._fields))


def _url(path: str, query: dict[str, Any]) -> str:
    """By hand, since url_for has an argument named endpoint, as we have."""
    wanted = {name: value for name, value in query.items() if value not in (None, "")}
    return path + (f"?{urlencode(wanted)}" if wanted else "")
