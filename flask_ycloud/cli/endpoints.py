"""The account's webhook endpoints: ``endpoints list|show|create|…``."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from flask import current_app

from ..errors import ConfigurationError
from ..handlers import types_handled
from ..runtime import Runtime, runtime_of
from .endpoint_output import plain, show_endpoint
from .group import ycloud_cli
from .output import table

if TYPE_CHECKING:
    from ..api import WebhookEndpoints

_STATUS = click.Choice(["active", "disabled"])


def open_api(runtime: Runtime) -> WebhookEndpoints:
    """The Webhook Endpoints API, with the key of the settings.

    :raises ConfigurationError: if there is no key, or httpx is not installed.
    """
    if runtime.settings.api_key is None:
        raise ConfigurationError(
            "YCLOUD_API_KEY is not set. It takes an API key, from YCloud's dashboard,"
            " Developers → API keys."
        )
    try:
        from ..api import WebhookEndpoints
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"The module {missing.name!r} is not installed: pip install"
            " 'flask-ycloud[api]'."
        ) from None
    return WebhookEndpoints(runtime.settings.api_key)


def _output(command: Callable[..., None]) -> Callable[..., None]:
    """The options of what shows endpoints."""
    reveal = click.option("--reveal", is_flag=True, help="Show the signing secret.")
    as_json = click.option("--json", "as_json", is_flag=True, help="For scripts.")
    return reveal(as_json(command))


def _fields(
    events: str, status: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of what makes or changes endpoints, as ``fields`` for the API.

    :param events: the help of ``--event``.
    :param status: the help of ``--status``.
    """
    options = (
        click.option("--event", "events", multiple=True, help=events),
        click.option(
            "--from-handlers", is_flag=True, help="Just the types with handlers here."
        ),
        click.option("--endpoint", help="Whose handlers; the first one's if left out."),
        click.option(
            "--attribute", "attributes", multiple=True, help="A contact's, to be told of."
        ),
        click.option("--description", help="What it is for."),
        click.option("--status", type=_STATUS, help=status),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def read(
            events: tuple[str, ...],
            from_handlers: bool,
            endpoint: str | None,
            attributes: tuple[str, ...],
            description: str | None,
            status: str | None,
            **others: Any,
        ) -> None:
            fields = {
                "enabled_events": _events(events, from_handlers, endpoint) or None,
                "event_properties": _properties(attributes),
                "description": description,
                "status": status,
            }
            command(fields=fields, **others)

        for option in reversed(options):
            read = option(read)
        return read

    return decorate


@ycloud_cli.group("endpoints")
def endpoints() -> None:
    """The webhook endpoints of the YCloud account."""


@endpoints.command("list")
@_output
def list_endpoints(reveal: bool, as_json: bool) -> None:
    """Every endpoint of the account."""
    with open_api(runtime_of(current_app)) as api:
        found = list(api.list())
    if as_json:
        click.echo(json.dumps([plain(each, reveal) for each in found]))
        return
    if not found:
        click.echo("No endpoints.")
        return
    head = ("ID", "STATUS", "EVENTS", "URL", "SECRET")
    rows = [
        (e.id, e.status, str(len(e.enabled_events)), e.url, e.secret or "") for e in found
    ]
    shown = len(head) if reveal else len(head) - 1
    table(head[:shown], [row[:shown] for row in rows])


@endpoints.command()
@click.argument("endpoint_id")
@_output
def show(endpoint_id: str, reveal: bool, as_json: bool) -> None:
    """One endpoint, and what it is subscribed to."""
    with open_api(runtime_of(current_app)) as api:
        show_endpoint(api.retrieve(endpoint_id), reveal, as_json)


@endpoints.command()
@click.argument("url")
@_fields("A type to subscribe to.")
@_output
def create(url: str, fields: dict[str, Any], reveal: bool, as_json: bool) -> None:
    """Make an endpoint that YCloud sends to at URL."""
    if fields["enabled_events"] is None:
        raise click.UsageError("Name the events: --event TYPE …, or --from-handlers.")
    with open_api(runtime_of(current_app)) as api:
        made = api.create(url, **fields)
    show_endpoint(made, reveal, as_json)


@endpoints.command()
@click.argument("endpoint_id")
@click.option("--url")
@_fields("Subscribe to these, and no other.", "active also ends pending.")
@_output
def update(
    endpoint_id: str, url: str | None, fields: dict[str, Any], reveal: bool, as_json: bool
) -> None:
    """Change what is given, and leave the rest."""
    changes = {"url": url, **fields}
    if all(value is None for value in changes.values()):
        raise click.UsageError("There is nothing to change: see --help.")
    with open_api(runtime_of(current_app)) as api:
        changed = api.update(endpoint_id, **changes)
    show_endpoint(changed, reveal, as_json)


@endpoints.command()
@click.argument("endpoint_id")
@click.confirmation_option(prompt="YCloud will send nothing to it any more. Delete it?")
def delete(endpoint_id: str) -> None:
    """Delete an endpoint."""
    with open_api(runtime_of(current_app)) as api:
        api.delete(endpoint_id)
    click.echo(f"{endpoint_id} is deleted.")


@endpoints.command("rotate-secret")
@click.argument("endpoint_id")
@click.confirmation_option(
    prompt="From now on YCloud signs with a new secret, and deliveries are refused until"
    " the app has it. Rotate it?"
)
@_output
def rotate_secret(endpoint_id: str, reveal: bool, as_json: bool) -> None:
    """Give an endpoint a new signing secret."""
    with open_api(runtime_of(current_app)) as api:
        show_endpoint(api.rotate_secret(endpoint_id), reveal, as_json)


def _events(events: Iterable[str], from_handlers: bool, endpoint: str | None) -> list[str]:
    if not from_handlers:
        return list(events)
    runtime = runtime_of(current_app)
    handled = types_handled(*runtime.scopes(runtime.endpoint_named(endpoint)))
    if not handled:
        raise click.UsageError("The app has no handlers to subscribe for.")
    return [*events, *(each for each in handled if each not in events)]


def _properties(attributes: tuple[str, ...]) -> dict[str, tuple[str, ...]] | None:
    """The one type whose properties YCloud lets one choose."""
    return {"contact.attributes_changed": attributes} if attributes else None
