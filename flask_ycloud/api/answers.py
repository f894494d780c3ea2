"""Read the answers of the API."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from ..errors import APIError, EventNotUnderstood
from ..protocol import read_time

#: How many bytes an answer may have, except downloads.
LONGEST_ANSWER = 16 * 1024**2
_LONGEST_ERROR = 64 * 1024


@dataclass(frozen=True)
class WebhookEndpoint:
    """One webhook endpoint of the account. Its ``repr`` shows no secret.

    :param id: such as ``wh627c8640675de8fc689ab9d9``.
    :param enabled_events: the event types that it is subscribed to.
    :param event_properties: the attributes, for ``contact.attributes_changed``.
    :param status: ``"active"``, ``"disabled"``, or ``"pending"``: it failed too often, and
        YCloud sends nothing to it until it is set active again.
    :param secret: the secret with which YCloud signs its deliveries.
    :param create_time: aware, in UTC.
    :param update_time: aware, in UTC.
    """

    id: str
    url: str = ""
    enabled_events: tuple[str, ...] = ()
    event_properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    description: str = ""
    status: str = ""
    secret: str | None = field(default=None, repr=False)
    create_time: datetime | None = None
    update_time: datetime | None = None


def read_json(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty if it has no body.

    :param answer: its body must not have been read yet.
    :raises APIError: if YCloud refused, or its answer is not a JSON object.
    """
    if not answer.is_success:
        raise read_error(answer)
    body = _beginning(answer, LONGEST_ANSWER)
    if len(body) > LONGEST_ANSWER:
        raise not_understood(f"it has more than {LONGEST_ANSWER:,} bytes")
    if not body:
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise not_understood("it is not a JSON object")
    return found


def _beginning(answer: httpx.Response, most: int) -> bytes:
    """The body of an answer; if it has more bytes than ``most``, only its beginning."""
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > most:
            break
    return body


def read_endpoint(found: Any) -> WebhookEndpoint:
    """Read an endpoint from an answer. Fields that are not known are ignored."""
    try:
        return WebhookEndpoint(
            id=found["id"],
            url=found.get("url") or "",
            enabled_events=tuple(found.get("enabledEvents") or ()),
            event_properties={
                each["event"]: tuple(each["properties"])
                for each in found.get("eventProperties") or ()
            },
            description=found.get("description") or "",
            status=found.get("status") or "",
            secret=found.get("secret"),
            create_time=_time(found.get("createTime")),
            update_time=_time(found.get("updateTime")),
        )
    except (KeyError, TypeError, AttributeError, EventNotUnderstood):
        raise not_understood("it has no endpoint as documented") from None


def _time(value: str | None) -> datetime | None:
    return None if value is None else read_time(value)


def read_error(answer: httpx.Response) -> APIError:
    """Read the error from an answer. Its body must not have been read yet."""
    try:
        error = json.loads(_beginning(answer, _LONGEST_ERROR))["error"]
        code, message = str(error["code"]), str(error.get("message", ""))
        request_id = error.get("requestId")
        whatsapp = error.get("whatsappApiError") or {}
        whatsapp_code = str(whatsapp["code"]) if "code" in whatsapp else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        code, message, request_id = "", answer.reason_phrase, None
        whatsapp_code = None
    return APIError(
        answer.status_code,
        code,
        message,
        request_id or answer.headers.get("YCloud-Request-ID"),
        whatsapp_code=whatsapp_code,
        retry_after=_retry_after(answer),
    )


def _retry_after(answer: httpx.Response) -> float | None:
    """``Retry-After``: seconds, or a date (RFC 9110, section 10.2.3)."""
    value = answer.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, until.timestamp() - time.time())


def not_understood(what: str) -> APIError:
    """The error for an answer that is not as documented."""
    return APIError(200, "NOT_UNDERSTOOD", f"its answer is not as documented: {what}", None)
