"""A client for the webhook endpoints of an account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from ..errors import APIError, ConfigurationError
from .answers import WebhookEndpoint, not_understood, read_endpoint
from .client import YCloud

Status = Literal["active", "disabled", "pending"]

_PAGE_SIZE = 100  # the most that the API returns at once
_MOST_PAGES = 100  # and the highest page that it takes


class WebhookEndpoints(YCloud):
    """The webhook endpoints of an account.

    It is a :class:`YCloud` with further methods: see there for its arguments, and for which
    calls are repeated. A create or a rotation is never repeated if it may have been carried
    out.
    """

    def create(
        self,
        url: str,
        enabled_events: Iterable[str],
        *,
        event_properties: Mapping[str, Iterable[str]] | None = None,
        description: str | None = None,
        status: Status | None = None,
    ) -> WebhookEndpoint:
        """Create an endpoint. The result has its secret.

        :param url: where YCloud sends events, up to 500 characters.
        :param event_properties: required with ``contact.attributes_changed``, as
            ``{"contact.attributes_changed": ["tags", …]}``.
        :param description: up to 400 characters.
        :raises APIError: if YCloud refuses.
        :raises APIUnreachable: if there is no answer. It may have been created
            nevertheless.
        """
        body = _request_body(url, enabled_events, event_properties, description, status)
        return read_endpoint(self.call("POST", "/webhookEndpoints", json=body))

    def list(self) -> Iterator[WebhookEndpoint]:
        """Every endpoint of the account, fetched page by page.

        :raises APIError: if YCloud refuses.
        :raises APIUnreachable: if there is no answer.
        """
        for page in range(1, _MOST_PAGES + 1):
            params = {"page": page, "limit": _PAGE_SIZE}
            items = self.call("GET", "/webhookEndpoints", params=params).get("items")
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
        return read_endpoint(self.call("GET", _path(endpoint_id)))

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
        return read_endpoint(self.call("PATCH", _path(endpoint_id), json=body))

    def ensure(
        self,
        url: str,
        enabled_events: Iterable[str],
        *,
        event_properties: Mapping[str, Iterable[str]] | None = None,
        description: str | None = None,
        status: Status | None = None,
    ) -> WebhookEndpoint:
        """Create the endpoint at a URL, or change the one that the account has there.

        The arguments are those of :meth:`create`. What is left out is not changed. If
        nothing differs, nothing is changed, so you can call this at each deployment. Two
        calls at the same time may both create an endpoint.

        :returns: the endpoint, with its secret.
        :raises ConfigurationError: if the account has several endpoints at that URL.
        :raises APIError: if YCloud refuses.
        :raises APIUnreachable: if there is no answer.
        """
        events, properties = tuple(enabled_events), _tuples(event_properties)
        found = [each for each in self.list() if _place(each.url) == _place(url)]
        if not found:
            return self.create(
                url,
                events,
                event_properties=properties,
                description=description,
                status=status,
            )
        if len(found) > 1:
            raise ConfigurationError(
                f"The account has several endpoints at {url}:"
                f" {', '.join(each.id for each in found)}. Delete all but one of them."
            )
        wanted = {"description": description, "status": status}
        changes = _changes(found[0], events, properties, wanted)
        return self.update(found[0].id, **changes) if changes else found[0]

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint. YCloud sends nothing to it any more.

        :raises APIError: if YCloud refuses; with status 404 if there is none.
        :raises APIUnreachable: if there is no answer.
        """
        self.call("DELETE", _path(endpoint_id))

    def rotate_secret(self, endpoint_id: str) -> WebhookEndpoint:
        """Give an endpoint a new secret. YCloud signs with it from then on.

        YCloud does not document whether it still signs retries with the old secret. Keep
        both in ``YCLOUD_WEBHOOK_SECRET`` for six hours.

        :raises APIError: if YCloud refuses; with status 404 if there is none.
        :raises APIUnreachable: if there is no answer. The secret may have been rotated
            nevertheless: retrieve the endpoint to check.
        """
        return read_endpoint(self.call("POST", f"{_path(endpoint_id)}/rotateSecret"))


def _request_body(
    url: str | None,
    enabled_events: Iterable[str] | None,
    event_properties: Mapping[str, Iterable[str]] | None,
    description: str | None,
    status: Status | None,
) -> dict[str, Any]:
    """The given fields, under the API's names."""
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


def _tuples(
    event_properties: Mapping[str, Iterable[str]] | None,
) -> dict[str, tuple[str, ...]] | None:
    if event_properties is None:
        return None
    return {event: tuple(names) for event, names in event_properties.items()}


def _changes(
    found: WebhookEndpoint,
    events: tuple[str, ...],
    properties: Mapping[str, tuple[str, ...]] | None,
    wanted: Mapping[str, str | None],
) -> dict[str, Any]:
    """The differences of an endpoint, as arguments of ``update``."""
    changes: dict[str, Any] = {
        name: value
        for name, value in wanted.items()
        if value is not None and value != getattr(found, name)
    }
    if set(events) != set(found.enabled_events):
        # With some events YCloud requires their properties, changed or not.
        changes["enabled_events"] = events
        changes["event_properties"] = properties or found.event_properties or None
    elif properties is not None and _sets(properties) != _sets(found.event_properties):
        changes["event_properties"] = properties
    return changes


def _sets(properties: Mapping[str, tuple[str, ...]]) -> dict[str, set[str]]:
    return {event: set(names) for event, names in properties.items()}


def _place(url: str) -> tuple[str, ...]:
    """A URL for comparison, without the host's case and a slash at the end."""
    scheme, _, rest = url.partition("://")
    host, _, rest = rest.partition("/")
    path, _, query = rest.partition("?")
    default_port = {"https": ":443", "http": ":80"}.get(scheme.lower(), "")
    host = host.lower().removesuffix(default_port)
    return scheme.lower(), host, path.rstrip("/"), query


def _path(endpoint_id: str) -> str:
    if not re.fullmatch(r"[\w-]+", endpoint_id, re.A):
        what = f"{endpoint_id!r} is not the id of a webhook endpoint (wh627c86…)"
        raise APIError(404, "NOT_FOUND", what, None)
    return f"/webhookEndpoints/{endpoint_id}"
