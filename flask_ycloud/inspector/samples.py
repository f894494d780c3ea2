"""The page that sends samples through the app's own route."""

from __future__ import annotations

import json
import secrets
from typing import Any

from flask import abort, current_app, render_template, request

from ..actions import log_action
from ..errors import EventNotUnderstood, YCloudError
from ..inbox import Identity
from ..protocol import (
    EVENT_TYPES,
    SAMPLE_ENDPOINT_ID,
    body_id,
    parse_event,
    sample_event,
    signed_headers,
    variants,
)
from ..runtime import Runtime, runtime_of
from ..web import INSPECTOR, ORIGIN_KEY, actor_name
from .bodies import body_of
from .links import asked_for

_LONGEST_AGAIN = 256 * 1024  # bytes, for the text field


def send() -> str:
    """Show and send a sample from the catalogue, or the body of a stored event."""
    runtime = runtime_of(current_app)
    wanted = request.values.get("type", "sms.message.updated")
    if wanted not in EVENT_TYPES:
        abort(404, f"{wanted!r} is not a documented event type.")
    variant = request.values.get("variant") or None
    if variant not in (None, *variants(wanted)):
        variant = None
    name = request.values.get("endpoint") or None
    name = name if name in runtime.endpoints else runtime.endpoint_named(None)
    tenant = request.values.get("tenant") or None
    body = request.form.get("body")
    sent: dict[str, Any] = {}
    if body is not None:
        sent = _sent(runtime, name, tenant, body)
        body = with_fresh_id(body)
    else:
        body = _again(runtime)
    if body is None:
        sample = sample_event(wanted, variant=variant)
        body = json.dumps(sample, indent=2, ensure_ascii=False)
    return render_template(
        "ycloud/send.html",
        types=EVENT_TYPES,
        wanted=wanted,
        variants=variants(wanted),
        variant=variant,
        endpoints=runtime.endpoints,
        tenants=any(map(runtime.serves_many, runtime.endpoints)),
        endpoint=name,
        tenant=tenant,
        body=body,
        again="again" in request.values,
        **sent,
    )


def _again(runtime: Runtime) -> str | None:
    """Return the body of the stored event in the query, with a new id."""
    event_id = request.args.get("again")
    if not event_id or runtime.settings.inspector_masks:
        return None
    some = asked_for(runtime.inbox, event_id)
    if not some:
        return None
    event_id, endpoint, tenant = some[0].identity
    stored = runtime.inbox.get(event_id, endpoint=endpoint, tenant=tenant)
    stored_body = body_of(stored)[0] if stored is not None else b""
    if not 0 < len(stored_body) <= _LONGEST_AGAIN:
        return None
    return with_fresh_id(stored_body.decode("utf-8", "backslashreplace"))


def with_fresh_id(body: str) -> str:
    """Format a body, with a new id: with the old id it would be a duplicate."""
    try:
        event = json.loads(body)
        key = next(each for each in ("id", "eventId") if each in event)
        laid_out = json.dumps(
            {**event, key: f"evt_{secrets.token_hex(12)}"}, indent=2, ensure_ascii=False
        )
    except (ValueError, TypeError, StopIteration, RecursionError):
        return body
    return laid_out.encode("utf-8", "backslashreplace").decode()


def id_of(body: str | bytes) -> str | None:
    """Return the id in the body of an event, if it has one."""
    try:
        found = json.loads(body)
        return str(found.get("id") or found.get("eventId") or "") or None
    except (ValueError, AttributeError, RecursionError):
        return None


def _sent(runtime: Runtime, endpoint: str, tenant: str | None, body: str) -> dict[str, Any]:
    """Send a body; return the answer, or why it could not be sent."""
    who, sent_id = actor_name(), _stored_id(body.encode())
    try:
        answer = _post(runtime, endpoint, tenant, body.encode())
    except YCloudError as error:  # the tenant is unknown, or has no secret
        return {"error": error}
    sent = Identity(sent_id, endpoint, tenant or "")
    address, status = request.remote_addr, answer.status_code
    log_action(who, "send", [sent], address=address, status=status)
    return {"answer": answer, "sent_id": sent_id}


def _stored_id(body: bytes) -> str:
    """Return the id that the inbox gives to a body, unless it is a conflict."""
    try:
        return parse_event(body).id
    except EventNotUnderstood:
        return body_id(body)


def _post(runtime: Runtime, endpoint: str, tenant: str | None, body: bytes) -> Any:
    """Post a body to the app, signed as YCloud does."""
    path = runtime.path_of(endpoint, tenant)
    secret = runtime.endpoints[endpoint].secrets.of(tenant, SAMPLE_ENDPOINT_ID)[0]
    server = {"SERVER_SOFTWARE": request.environ.get("SERVER_SOFTWARE", "")}
    server[ORIGIN_KEY] = INSPECTOR
    return runtime.app.test_client(use_cookies=False).post(
        path,
        base_url=request.host_url,
        data=body,
        headers=signed_headers(body, secret),
        environ_overrides=server,
    )
