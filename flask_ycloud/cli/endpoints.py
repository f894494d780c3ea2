"""The account's webhook endpoints: ``endpoints list|show|create|…``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .api_access import with_api
from .endpoint_options import field_options, output_options, url_options
from .endpoint_output import plain, show_endpoint
from .group import ycloud_cli
from .output import echo, table

if TYPE_CHECKING:
    from ..api import WebhookEndpoints


@ycloud_cli.group("endpoints")
def endpoints() -> None:
    """Manage the webhook endpoints of the YCloud account.

    \b
    Example:
      flask ycloud endpoints list
    """


@endpoints.command("list")
@output_options
@click.option("--ids", is_flag=True, help="Print the ids only, one in a line.")
@with_api
def list_endpoints(api: WebhookEndpoints, reveal: bool, as_json: bool, ids: bool) -> None:
    """List the endpoints of the account.

    \b
    Example:
      flask ycloud endpoints list --json
    """
    found = list(api.list())
    if as_json:
        echo(json.dumps([plain(each, reveal) for each in found]))
        return
    if ids:
        for each in found:
            echo(each.id)
        return
    if not found:
        echo("No endpoints.")
        return
    head = ("ID", "STATUS", "EVENTS", "URL", "SECRET")
    rows = [
        (e.id, e.status, str(len(e.enabled_events)), e.url, e.secret or "") for e in found
    ]
    shown = len(head) if reveal else len(head) - 1
    table(head[:shown], [row[:shown] for row in rows])


@endpoints.command()
@click.argument("endpoint_id")
@output_options
@with_api
def show(api: WebhookEndpoints, endpoint_id: str, reveal: bool, as_json: bool) -> None:
    """Show one endpoint, and what it is subscribed to.

    \b
    Example:
      flask ycloud endpoints show wh627c8640675de8fc689ab9d9
    """
    show_endpoint(api.retrieve(endpoint_id), reveal, as_json)


@endpoints.command()
@with_api
@url_options
@field_options("A type to subscribe to.")
@output_options
def create(
    api: WebhookEndpoints, url: str, fields: dict[str, Any], reveal: bool, as_json: bool
) -> None:
    """Create an endpoint, so that YCloud sends events to URL.

    \b
    Example:
      flask ycloud endpoints create --base-url https://example.org --from-handlers
    """
    show_endpoint(api.create(url, **_with_events(fields)), reveal, as_json)


@endpoints.command()
@with_api
@url_options
@field_options("A type to subscribe to.", "Default: as it is; active for a new one.")
@output_options
def ensure(
    api: WebhookEndpoints, url: str, fields: dict[str, Any], reveal: bool, as_json: bool
) -> None:
    """Create the endpoint at URL, or change the one that is there.

    It changes nothing if the endpoint is as it should be, so each deployment can call it.

    \b
    Example:
      flask ycloud endpoints ensure --base-url https://example.org --from-handlers
    """
    show_endpoint(api.ensure(url, **_with_events(fields)), reveal, as_json)


@endpoints.command()
@click.argument("endpoint_id")
@click.option("--url", help="The new URL.")
@field_options(
    "A type to subscribe to, in place of those that it has.",
    "active also has YCloud send again to an endpoint that is pending.",
)
@output_options
@with_api
def update(
    api: WebhookEndpoints,
    endpoint_id: str,
    url: str | None,
    fields: dict[str, Any],
    reveal: bool,
    as_json: bool,
) -> None:
    """Change an endpoint; what you leave out stays as it is.

    \b
    Example:
      flask ycloud endpoints update wh627c8640675de8fc689ab9d9 --status active
    """
    changes = {"url": url, **fields}
    if all(value is None for value in changes.values()):
        raise click.UsageError("There is nothing to change: see --help.")
    show_endpoint(api.update(endpoint_id, **changes), reveal, as_json)


@endpoints.command()
@click.argument("endpoint_id")
@click.confirmation_option(prompt="YCloud will send nothing to it any more. Delete it?")
@with_api
def delete(api: WebhookEndpoints, endpoint_id: str) -> None:
    """Delete an endpoint: YCloud sends nothing to it any more.

    \b
    Example:
      flask ycloud endpoints delete wh627c8640675de8fc689ab9d9
    """
    api.delete(endpoint_id)
    echo(f"{endpoint_id} is deleted.")


@endpoints.command("rotate-secret")
@click.argument("endpoint_id")
@click.confirmation_option(
    prompt="From now on YCloud signs with a new secret, and deliveries are rejected until"
    " the app has it. Rotate it?"
)
@output_options
@with_api
def rotate_secret(
    api: WebhookEndpoints, endpoint_id: str, reveal: bool, as_json: bool
) -> None:
    """Give an endpoint a new signing secret.

    \b
    Example:
      flask ycloud endpoints rotate-secret wh627c8640675de8fc689ab9d9 --reveal
    """
    show_endpoint(api.rotate_secret(endpoint_id), reveal, as_json)


def _with_events(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields that name events.

    :raises click.UsageError: if they name none.
    """
    if fields["enabled_events"] is None:
        raise click.UsageError("Name the events: --event TYPE …, or --from-handlers.")
    return fields
