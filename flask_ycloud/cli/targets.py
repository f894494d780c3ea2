"""The URL that ``send`` uses, and the secret that it signs with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click
from flask import current_app

from ..protocol import ENDPOINT_ID_HEADER, SAMPLE_ENDPOINT_ID, Target
from ..runtime import Runtime, runtime_of
from . import completion
from .places import Place, place_named

_Command = Callable[..., None]
_PORT = 5000  # of flask run


class To(NamedTuple):
    """A target, and the endpoint of the app whose path and secret are used."""

    target: Target
    place: Place
    runtime: Runtime


def target_options(command: _Command) -> _Command:
    """The options that say where to send. The command gets them as ``to``."""
    options = (
        click.option(
            "--port",
            type=click.IntRange(1, 65_535),
            help=f"The port of this machine to send to. Default: {_PORT}.",
        ),
        click.option("--url", help="The whole URL to send to, in place of --port."),
        click.option(
            "--endpoint",
            shell_complete=completion.endpoints,
            help="The endpoint whose path and secret are used. Default: the first one.",
        ),
        click.option(
            "--tenant",
            shell_complete=completion.tenants,
            help="The tenant, at an endpoint that serves many accounts.",
        ),
        click.option(
            "--endpoint-id",
            default=SAMPLE_ENDPOINT_ID,
            show_default=True,
            help=f"The endpoint's id at YCloud, sent as {ENDPOINT_ID_HEADER}.",
        ),
    )

    @functools.wraps(command)
    def read(
        port: int | None,
        url: str | None,
        endpoint: str | None,
        tenant: str | None,
        endpoint_id: str,
        **others: Any,
    ) -> None:
        if port is not None and url is not None:
            raise click.UsageError("Use --port or --url, not both.")
        runtime = runtime_of(current_app)
        place = place_named(runtime, endpoint, tenant)
        url = url or f"http://127.0.0.1:{port or _PORT}{place.path(runtime)}"
        secret = place.secrets(runtime, endpoint_id)[0]
        command(to=To(Target(url, secret, endpoint_id), place, runtime), **others)

    for option in reversed(options):
        read = option(read)
    return read
