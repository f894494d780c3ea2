"""The doctor's look at the account: what YCloud has, beside what the app has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ConfigurationError, UnknownTenant, YCloudError
from ..handlers import subscriptions, types_handled
from ..protocol import patterns
from ..runtime import Runtime
from .api_access import open_api
from .finding import Finding
from .places import Place, places

if TYPE_CHECKING:
    from ..api import WebhookEndpoint


def account(runtime: Runtime, tenants: Sequence[str] = ()) -> Iterator[Finding]:
    """Whether the account's endpoints are the app's.

    :param tenants: some, of an endpoint that serves many accounts.
    """
    if runtime.settings.api_key is None:
        text = "YCLOUD_API_KEY is not set, so the account was not looked at."
        yield Finding("account", "skipped", text)
        return
    try:
        with open_api(runtime) as api:
            found = list(api.list())
    except YCloudError as error:
        yield Finding("account", "bad", str(error), "Is YCLOUD_API_KEY right?")
        return
    for place in places(runtime, tenants):
        yield from _place(runtime, place, found)


def _place(
    runtime: Runtime, place: Place, found: Sequence[WebhookEndpoint]
) -> Iterator[Finding]:
    """What the account has of an endpoint of the app."""
    secrets = _secrets(runtime, place, found)
    if not secrets:
        return  # which has been told already
    mine = [each for each in found if each.secret in secrets]
    for each in mine:
        yield from _endpoint(runtime, place, each)
    if not mine and place.tenant is not None:
        text = f"{place}: the account of YCLOUD_API_KEY has no such endpoint."
        yield Finding("account", "skipped", text, "It may be in an account of its own.")
    elif not mine:
        text = f"No endpoint of the account has the secret of {place}."
        remedy = "See: flask ycloud endpoints list; then: endpoints create URL"
        yield Finding("account", "bad", text, remedy)


def _secrets(runtime: Runtime, place: Place, found: Sequence[WebhookEndpoint]) -> set[str]:
    """The secrets of an endpoint of the app, also those that go by YCloud's ids."""
    secrets: set[str] = set()
    for endpoint_id in (None, *(each.id for each in found)):
        with suppress(ConfigurationError, UnknownTenant):
            secrets.update(map(_text, place.secrets(runtime, endpoint_id)))
    return secrets


def _endpoint(
    runtime: Runtime, place: Place, endpoint: WebhookEndpoint
) -> Iterator[Finding]:
    """What YCloud has of an endpoint, beside what the app has."""
    update = f"flask ycloud endpoints update {endpoint.id}"
    if endpoint.status == "active":
        yield Finding("account", "good", f"{endpoint.id} is active, and {place}'s.")
    else:
        text = f"{endpoint.id} is {endpoint.status}: YCloud sends nothing to it."
        yield Finding("account", "bad", text, f"{update} --status active")
    url = urlsplit(endpoint.url)
    path = place.path(runtime)
    if url.scheme != "https":
        text = f"{endpoint.id} has a URL without HTTPS: payloads travel in the clear."
        yield Finding("account", "bad", text, f"{update} --url https://…{path}")
    if not url.path.rstrip("/").endswith(path):
        text = f"{endpoint.id} sends to {url.path or '/'}; the app listens at {path}."
        remedy = (
            "Unless a proxy maps one to the other: " + update + f" --url https://…{path}"
        )
        yield Finding("account", "look", text, remedy)
    scopes, subscribed = runtime.scopes(place.endpoint), set(endpoint.enabled_events)
    reached = {each for event_type in subscribed for each in patterns(event_type)}
    if unsubscribed := sorted(subscriptions(*scopes) - reached):
        text = f"Handled, but not subscribed: {', '.join(unsubscribed)}."
        yield Finding("account", "look", text, f"{update} --from-handlers")
    if unhandled := sorted(subscribed - set(types_handled(*scopes))):
        text = f"Subscribed, but without a handler: {', '.join(unhandled)}."
        yield Finding("account", "look", text, f"{update} --from-handlers")


def _text(secret: str | bytes) -> str:
    return secret if isinstance(secret, str) else secret.decode("utf-8", "replace")
