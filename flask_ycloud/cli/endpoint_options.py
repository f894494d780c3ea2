"""Options of the commands about webhook endpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import click
from flask import current_app

from ..handlers import types_handled
from ..runtime import runtime_of
from ..settings import is_base_url
from . import completion
from .places import place_named
from .webhook_urls import webhook_url

_Command = Callable[..., None]

_STATUS = click.Choice(["active", "disabled"])


def output_options(command: _Command) -> _Command:
    """The options of commands that show endpoints."""
    reveal = click.option("--reveal", is_flag=True, help="Show the signing secret, too.")
    as_json = click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, for scripts."
    )
    return reveal(as_json(command))


def url_options(command: _Command) -> _Command:
    """The options that name the URL of an endpoint. The command gets it as ``url``.

    The command also gets ``endpoint``.
    """
    argument = click.argument("url", required=False)
    base_url = click.option(
        "--base-url",
        help="Where the app is reached, in place of URL. The app's path is added.",
    )
    tenant = click.option(
        "--tenant",
        shell_complete=completion.tenants,
        help="The tenant whose path is added, at an endpoint that serves many accounts.",
    )

    @functools.wraps(command)
    def read(
        url: str | None,
        base_url: str | None,
        tenant: str | None,
        endpoint: str | None,
        **others: Any,
    ) -> None:
        command(url=_url(url, base_url, endpoint, tenant), endpoint=endpoint, **others)

    return argument(base_url(tenant(read)))


def field_options(
    events: str, status: str = "Default: active."
) -> Callable[[_Command], _Command]:
    """The options that describe an endpoint. The command gets them as ``fields``.

    :param events: the help of ``--event``.
    :param status: the help of ``--status``.
    """
    options = (
        click.option(
            "--event",
            "events",
            multiple=True,
            shell_complete=completion.event_types,
            help=events,
        ),
        click.option(
            "--from-handlers",
            is_flag=True,
            help="Subscribe to the types that have a handler in this app.",
        ),
        click.option(
            "--endpoint",
            shell_complete=completion.endpoints,
            help="The app's endpoint whose handlers and path are used. Default: the first.",
        ),
        click.option(
            "--attribute",
            "attributes",
            multiple=True,
            help="A contact's attribute, for contact.attributes_changed.",
        ),
        click.option("--description", help="A note that YCloud keeps with the endpoint."),
        click.option("--status", type=_STATUS, help=status),
    )

    def decorate(command: _Command) -> _Command:
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


def _url(
    url: str | None, base_url: str | None, endpoint: str | None, tenant: str | None
) -> str:
    """The URL of an endpoint: the given one, or that of the app's route."""
    if (url is None) == (base_url is None):
        raise click.UsageError("Name the URL, or where the app is reached: --base-url URL.")
    if url is not None:
        if tenant is not None:
            raise click.UsageError(
                "--tenant takes no URL: the path comes from the app. Name where the app is"
                " reached: --base-url https://example.org"
            )
        return webhook_url(url, _path(url, endpoint))
    if base_url is None or not is_base_url(base_url):
        raise click.UsageError(
            "--base-url takes a URL without a query, such as https://example.org"
        )
    runtime = runtime_of(current_app)
    return base_url.rstrip("/") + place_named(runtime, endpoint, tenant).path(runtime)


def _path(url: str, endpoint: str | None) -> str:
    """The path of the app's endpoint, for a URL that has none."""
    if urlsplit(url if "://" in url else f"//{url}").path.strip("/"):
        return ""
    runtime = runtime_of(current_app)
    return place_named(runtime, endpoint, None).path(runtime)


def _events(events: Iterable[str], from_handlers: bool, endpoint: str | None) -> list[str]:
    if not from_handlers:
        return list(events)
    runtime = runtime_of(current_app)
    handled = types_handled(*runtime.scopes(runtime.endpoint_named(endpoint)))
    if not handled:
        raise click.UsageError("The app has no handlers to subscribe for.")
    return [*events, *(each for each in handled if each not in events)]


def _properties(attributes: tuple[str, ...]) -> dict[str, tuple[str, ...]] | None:
    """The properties of ``contact.attributes_changed``, the only type that has some."""
    return {"contact.attributes_changed": attributes} if attributes else None
