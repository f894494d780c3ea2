"""The doctor's check of the account: YCloud's endpoints, compared with the app's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import APIError, ConfigurationError, UnknownTenant, YCloudError
from ..handlers import subscriptions, types_handled
from ..protocol import EVENT_TYPES, patterns
from ..runtime import Runtime
from .api_access import open_api
from .finding import Finding, Subject, error, ok, skipped, warning
from .places import Place, places

if TYPE_CHECKING:
    from ..api import WebhookEndpoint


def account(subject: Subject) -> Iterator[Finding]:
    """Check whether the account's endpoints match the app's."""
    runtime = subject.runtime
    if runtime.settings.api_key is None:
        text = "YCLOUD_API_KEY is not set, so the account was not checked."
        yield skipped("account", text)
        return
    try:
        with open_api(runtime) as api:
            found = list(api.list())
    except YCloudError as wrong:
        yield _no_list(runtime, wrong)
        return
    for place in places(runtime, subject.tenants):
        yield from _place(runtime, place, found)


def _no_list(runtime: Runtime, wrong: YCloudError) -> Finding:
    """Why the API returned no list. If it does not answer, that is only a warning."""
    if isinstance(wrong, ConfigurationError):
        remedy = "Correct the setting, or remove YCLOUD_API_KEY: only commands use it."
        return error("account", str(wrong), remedy)
    if isinstance(wrong, APIError):
        if wrong.status in (401, 403):
            remedy = "Is YCLOUD_API_KEY right, and of this account?"
            return error("account", str(wrong), remedy)
        remedy = "Try again later. If it persists, ask YCloud's support."
    elif runtime.settings.api_url is not None:
        remedy = "Is YCLOUD_API_URL right, and does something answer there?"
    else:
        remedy = "Can this machine reach api.ycloud.com? Deliveries do not need that."
    return warning("account", str(wrong), remedy)


def _place(
    runtime: Runtime, place: Place, found: Sequence[WebhookEndpoint]
) -> Iterator[Finding]:
    """Compare an endpoint of the app with those of the account."""
    secrets = _secrets(runtime, place, found)
    if not secrets:
        return  # the check of the secrets reports it
    mine = [each for each in found if each.secret in secrets]
    for each in mine:
        yield from _endpoint(runtime, place, each)
    if not mine and place.tenant is not None:
        text = f"{place}: the account of YCLOUD_API_KEY has no such endpoint."
        yield skipped("account", text, "It may be in an account of its own.")
    elif not mine:
        text = f"No endpoint of the account has the secret of {place}."
        remedy = "See: flask ycloud endpoints list; then: flask ycloud endpoints create URL"
        yield error("account", text, remedy)


def _secrets(runtime: Runtime, place: Place, found: Sequence[WebhookEndpoint]) -> set[str]:
    """The secrets of an endpoint of the app, for each of YCloud's endpoint ids."""
    secrets: set[str] = set()
    for endpoint_id in (None, *(each.id for each in found)):
        with suppress(ConfigurationError, UnknownTenant):
            secrets.update(map(_text, place.secrets(runtime, endpoint_id)))
    return secrets


def _endpoint(
    runtime: Runtime, place: Place, endpoint: WebhookEndpoint
) -> Iterator[Finding]:
    """Compare an endpoint at YCloud with the endpoint of the app."""
    update = f"flask ycloud endpoints update {endpoint.id}"
    if endpoint.status == "active":
        yield ok("account", f"{endpoint.id} is active and belongs to {place}.")
    else:
        text = f"{endpoint.id} is {endpoint.status}: YCloud sends nothing to it."
        if endpoint.status == "pending":
            text += " It failed too often, so YCloud suspended it."
        yield error("account", text, f"{update} --status active")
    yield from _url(runtime, place, endpoint, update)
    yield from _events(runtime, place, endpoint, f"{update} --from-handlers")


def _url(
    runtime: Runtime, place: Place, endpoint: WebhookEndpoint, update: str
) -> Iterator[Finding]:
    url = urlsplit(endpoint.url)
    path = place.path(runtime)
    if url.scheme != "https":
        text = f"{endpoint.id} has a URL without HTTPS: payloads are not encrypted."
        yield error("account", text, f"{update} --url https://…{path}")
    if not url.path.rstrip("/").endswith(path):
        text = f"{endpoint.id} sends to {url.path or '/'}; the app listens at {path}."
        remedy = f"Unless a proxy maps one to the other: {update} --url https://…{path}"
        yield warning("account", text, remedy)


def _events(
    runtime: Runtime, place: Place, endpoint: WebhookEndpoint, update: str
) -> Iterator[Finding]:
    """Find types with a handler that YCloud does not send, and the other way round."""
    scopes, subscribed = runtime.scopes(place.endpoint), set(endpoint.enabled_events)
    handled = subscriptions(*scopes)
    reached = {each for event_type in subscribed for each in patterns(event_type)}
    if unsubscribed := sorted(handled - reached):
        text = f"Handled, but not subscribed: {', '.join(unsubscribed)}."
        yield warning("account", text, update)
    for pattern in sorted(handled & reached):
        if missing := _reached_by(pattern) - subscribed:
            text = f"{pattern} has handlers, but of its types these are not subscribed:"
            yield warning("account", f"{text} {', '.join(sorted(missing))}.", update)
    if unhandled := sorted(subscribed - set(types_handled(*scopes))):
        text = f"Subscribed, but without a handler: {', '.join(unhandled)}."
        yield warning("account", text, update)


def _reached_by(pattern: str) -> set[str]:
    """The documented types that a pattern matches. ``*`` requires none of them."""
    if pattern == "*":
        return set()
    return {each for each in EVENT_TYPES if pattern in patterns(each)}


def _text(secret: str | bytes) -> str:
    return secret if isinstance(secret, str) else secret.decode("utf-8", "replace")
