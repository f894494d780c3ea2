"""Real events on a laptop: ``listen``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from flask import current_app

from ..formats import counted
from ..handlers import types_handled
from ..protocol import EVENT_TYPES, closest_hint, is_loopback, patterns
from ..runtime import Runtime, runtime_of
from . import completion
from .api_access import with_api
from .event_lines import printed
from .group import ycloud_cli
from .output import echo
from .places import Place, place_named
from .serving import bind, handling_here, serving, use_secret
from .temporary import delete_leftovers, temporary_endpoint
from .webhook_urls import webhook_url

if TYPE_CHECKING:
    from ..api import WebhookEndpoint, WebhookEndpoints

_POLL_SECONDS = 0.5  # Windows does not interrupt a wait
_ATTRIBUTES = "contact.attributes_changed"
_NO_HANDLERS = """\
The app has no handlers, so there is nothing to subscribe to. Import the module with your
@on_event functions where the app is created, or name types: --event sms.message.updated"""


@ycloud_cli.command()
@click.argument("url")
@click.option(
    "--port",
    default=5000,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="The port of this machine that the tunnel leads to. 0 takes a free one.",
)
@click.option(
    "--event",
    "events",
    multiple=True,
    shell_complete=completion.subscriptions,
    help="A type or pattern to subscribe to. Default: all types that have a handler.",
)
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    help=f"A contact's attribute, for {_ATTRIBUTES}.",
)
@click.option(
    "--endpoint",
    shell_complete=completion.endpoints,
    help="The endpoint of the app that receives. Default: the first one.",
)
@click.option(
    "--tenant",
    shell_complete=completion.tenants,
    help="The tenant, at an endpoint that serves many accounts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object in a line.")
@with_api
def listen(
    api: WebhookEndpoints,
    url: str,
    port: int,
    events: tuple[str, ...],
    attributes: tuple[str, ...],
    endpoint: str | None,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Receive real events on this machine, through a tunnel to URL.

    Creates a webhook endpoint at YCloud for URL, serves the app's webhook here, and prints
    each event and what its handlers did. Deletes the endpoint at the end. URL is a host, or
    a URL; without a path it gets the app's. Start the tunnel first.

    \b
    Examples:
      flask ycloud listen laptop.example.org
      flask ycloud listen https://laptop.example.org --port 8000 --event 'whatsapp.*'
    """
    runtime = runtime_of(current_app)
    place = place_named(runtime, endpoint, tenant)
    path = place.path(runtime)
    url = webhook_url(url, path)
    _warn_about(url, path)
    types = _types(runtime, place, events, bool(attributes))
    fields: dict[str, Any] = {"url": url, "events": types}
    fields["properties"] = {_ATTRIBUTES: attributes} if attributes else None
    with printed(runtime, as_json=as_json):
        _receive(api, runtime, place, port, fields)


def _receive(
    api: WebhookEndpoints, runtime: Runtime, place: Place, port: int, fields: dict[str, Any]
) -> None:
    """Create the endpoint, serve until a signal, and delete it.

    :param fields: of the endpoint.
    """
    folder = Path(runtime.app.instance_path)
    with ExitStack() as stack:
        server = bind(runtime.app, port, place.path(runtime))
        answer = stack.enter_context(serving(server))
        delete_leftovers(api, folder)
        stack.enter_context(handling_here(runtime))
        stop = stack.enter_context(_stop_signal())
        # What is entered last ends first: YCloud stops sending before the server ends.
        made = temporary_endpoint(api, folder, **fields)
        use_secret(runtime, place, _secret_of(stack.enter_context(made)))
        answer()
        types = counted(len(fields["events"]), "event type")
        echo(
            f"Listening: YCloud sends {types} to {fields['url']}\n"
            f"The tunnel must lead to http://127.0.0.1:{server.server_port}. Ctrl-C ends.",
            err=True,
        )
        while not stop.wait(_POLL_SECONDS):
            pass
        echo("Deleting the endpoint. Running handlers may finish.", err=True)


def _types(
    runtime: Runtime, place: Place, chosen: tuple[str, ...], with_attributes: bool
) -> list[str]:
    """The event types to subscribe to.

    :param with_attributes: whether a contact's attributes are named.
    """
    handled = types_handled(*runtime.scopes(place.endpoint))
    if not chosen and not handled:
        raise click.UsageError(_NO_HANDLERS)
    found = list(dict.fromkeys(each for name in chosen for each in _reached(name, handled)))
    found = found or handled
    if _ATTRIBUTES not in found or with_attributes:
        return found
    if found == [_ATTRIBUTES] or _ATTRIBUTES in chosen:
        raise click.UsageError(f"{_ATTRIBUTES} needs attributes: --attribute NAME.")
    echo(f"Without {_ATTRIBUTES}: it needs --attribute NAME.", err=True)
    return [each for each in found if each != _ATTRIBUTES]


def _reached(name: str, handled: list[str]) -> list[str]:
    """The types that a type or pattern matches."""
    found = [each for each in EVENT_TYPES if name in patterns(each)]
    if not found and name in handled:
        return [name]  # YCloud documents no such type yet
    if not found:
        raise click.UsageError(
            f"--event {name!r} is not a documented event type or pattern:"
            f" {closest_hint(name)}"
        )
    return found


def _warn_about(url: str, path: str) -> None:
    """What may be wrong with a URL."""
    if url.startswith("http:") and not is_loopback(url):
        echo("The URL has no HTTPS: payloads are not encrypted.", err=True)
    given = urlsplit(url).path
    if given.rstrip("/") != path.rstrip("/"):
        echo(
            f"The URL has the path {given}, and the app receives at {path}: the tunnel has"
            " to map one to the other.",
            err=True,
        )


def _secret_of(endpoint: WebhookEndpoint) -> str:
    if not endpoint.secret:
        raise click.ClickException(
            f"YCloud gave no secret with the endpoint {endpoint.id}, so its deliveries"
            " cannot be verified."
        )
    return endpoint.secret


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C, SIGTERM, or the end of the terminal."""
    stop = threading.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # nohup
        numbers.append(hang_up)
    before = {each: signal.signal(each, lambda *_: stop.set()) for each in numbers}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
