"""Calls of the API: safely repeated, bounded in time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

from ..errors import APIError, APIUnreachable, ConfigurationError, YCloudError
from .answers import WebhookEndpoint, not_understood, read_endpoint, read_error, read_json

BASE_URL = "https://api.ycloud.com/v2"
Status = Literal["active", "disabled", "pending"]

_PAGE_SIZE = 100  # the most that the API gives at once
_MOST_PAGES = 100  # and the highest page that it takes
_PAUSES = (0.5, 1.0, 2.0)  # seconds before each further attempt
_LONGEST_PAUSE = 60.0  # longer than that, Retry-After is left to the caller
_PASSING = (502, 503, 504)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class WebhookEndpoints:
    """The webhook endpoints of an account.

    Calls that YCloud certainly did not carry out (it answered 429, or could not be
    reached) are made again up to three times, after ``Retry-After`` or a growing pause.
    So are reads, updates and deletes that failed on the way or with 502, 503 or 504. A
    create or a rotation is never repeated once it may have been carried out.

    :param api_key: from YCloud's dashboard, Developers → API keys.
    :param base_url: of the API.
    :param timeout: seconds to wait for an answer.
    """

    def __init__(
        self, api_key: str, *, base_url: str | None = None, timeout: float = 10.0
    ) -> None:
        if not isinstance(api_key, str) or not api_key.isascii() or not api_key.strip():
            raise ConfigurationError(
                "The Webhook Endpoints API takes an API key (YCLOUD_API_KEY), from YCloud's"
                " dashboard, Developers → API keys."
            )
        self._client = httpx.Client(
            base_url=base_url or BASE_URL,
            headers={"X-API-Key": api_key.strip(), "Accept": "application/json"},
            timeout=timeout,
        )

    def __enter__(self) -> WebhookEndpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def create(
        self,
        url: str,
        enabled_events: Iterable[str],
        *,
        event_properties: Mapping[str, Iterable[str]] | None = None,
        description: str | None = None,
        status: Status | None = None,
    ) -> WebhookEndpoint:
        """Make an endpoint; what is returned has its secret.

        :param url: where YCloud shall send, up to 500 characters.
        :param event_properties: required with ``contact.attributes_changed``, as
            ``{"contact.attributes_changed": ["tags", …]}``.
        :param description: up to 400 characters.
        :raises APIError: if YCloud refuses.
        :raises APIUnreachable: if there is no answer. It may have been made all the same.
        """
        body = _request_body(url, enabled_events, event_properties, description, status)
        return read_endpoint(self._call("POST", "/webhookEndpoints", json=body))

    def list(self) -> Iterator[WebhookEndpoint]:
        """Every endpoint of the account, fetched page by page.

        :raises APIError: if YCloud refuses.
        :raises APIUnreachable: if there is no answer.
        """
        for page in range(1, _MOST_PAGES + 1):
            params = {"page": page, "limit": _PAGE_SIZE}
            items = self._call("GET", "/webhookEndpoints", params=params).get("items")
            if not isinstance(items, list):
                raise not_understood("a page has no items")
            yield from map(read_endpoint, items)
            if len(items) < _PAGE_SIZE:
                return

    def retrieve(self, endpoint_id: str) -> WebhookEndpoint:
        """One endpoint, with its secret.

        :raises APIError: if YCloud refuses; with status 404 if there is none.
        :raises APIUnreachable: if there is no answer.
        """
        return read_endpoint(self._call("GET", _path(endpoint_id)))

    def update(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        enabled_events: Iterable[str] | None = None,
        event_properties: Mapping[str, Iterable[str]] | None = None,
        description: str | None = None,
        status: Status | None = None,
    ) -> WebhookEndpoint:
        """Change what is given, and leave the rest.

        :raises APIError: if YCloud refuses; with status 404 if there is none.
        :raises APIUnreachable: if there is no answer.
        """
        body = _request_body(url, enabled_events, event_properties, description, status)
        return read_endpoint(self._call("PATCH", _path(endpoint_id), json=body))

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint. YCloud sends nothing to it any more.

        :raises APIError: if YCloud refuses; with status 404 if there is none.
        :raises APIUnreachable: if there is no answer.
        """
        self._call("DELETE", _path(endpoint_id))

    def rotate_secret(self, endpoint_id: str) -> WebhookEndpoint:
        """Give an endpoint a new secret. YCloud signs with it from then on.

        Whether the old one is used any longer, for retries, YCloud does not document:
        keep both in ``YCLOUD_WEBHOOK_SECRET`` for six hours.

        :raises APIError: if YCloud refuses; with status 404 if there is none.
        :raises APIUnreachable: if there is no answer. It may have been rotated all the
            same: retrieve it to see.
        """
        return read_endpoint(self._call("POST", f"{_path(endpoint_id)}/rotateSecret"))

    def _call(self, method: str, path: str, **options: Any) -> Any:
        """Make a call, again where that is safe, and give its JSON."""
        pauses = iter(_PAUSES)
        maybe_done = False  # whether an attempt may have been carried out unseen
        while True:
            pause = next(pauses, None)
            try:
                answer = self._client.request(method, path, **options)
            except httpx.HTTPError as error:
                sent = not isinstance(error, _NOT_SENT)
                maybe_done = maybe_done or sent
                again = method != "POST" or not sent
                failed: YCloudError = APIUnreachable(
                    f"{method} {path}: YCloud's API gave no answer"
                    f" ({type(error).__name__}). Try again later."
                )
            else:
                status = answer.status_code
                if answer.is_success:
                    return {} if method == "DELETE" else read_json(answer)
                if method == "DELETE" and status == 404 and maybe_done:
                    return {}
                again = status == 429 or (method != "POST" and status in _PASSING)
                maybe_done = maybe_done or status != 429
                pause = _retry_after(answer, pause)
                failed = read_error(answer)
            if not again or pause is None or pause > _LONGEST_PAUSE:
                raise failed
            time.sleep(pause)


def _request_body(
    url: str | None,
    enabled_events: Iterable[str] | None,
    event_properties: Mapping[str, Iterable[str]] | None,
    description: str | None,
    status: Status | None,
) -> dict[str, Any]:
    """What was given, by the API's names."""
    fields = {
        "url": url,
        "enabledEvents": None if enabled_events is None else [*enabled_events],
        "eventProperties": None
        if event_properties is None
        else [
            {"event": event, "properties": [*properties]}
            for event, properties in event_properties.items()
        ],
        "description": description,
        "status": status,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _path(endpoint_id: str) -> str:
    if not re.fullmatch(r"[\w-]+", endpoint_id, re.A):
        what = f"{endpoint_id!r} is no id of a webhook endpoint (wh627c86…)"
        raise APIError(404, "NOT_FOUND", what, None)
    return f"/webhookEndpoints/{endpoint_id}"


def _retry_after(answer: httpx.Response, pause: float | None) -> float | None:
    """``Retry-After``: seconds, or a date (RFC 9110, section 10.2.3)."""
    value = answer.headers.get("Retry-After", "")
    if pause is None or not value:
        return pause
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return pause
    return max(0.0, until.timestamp() - time.time())
