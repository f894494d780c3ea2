"""Why a signature fails: ``verify``."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import click
from flask import current_app

from ..errors import (
    ConfigurationError,
    SignatureError,
    SignatureMismatch,
    UnknownTenant,
)
from ..formats import short
from ..protocol import ENDPOINT_ID_HEADER, HEADER, verify
from ..runtime import Runtime, runtime_of
from . import completion
from .group import ycloud_cli
from .output import echo
from .places import Place, place_named, places

#: How a body may have been laid out, as ``json.dumps`` takes it: compact, or indented.
_LAYOUTS: tuple[dict[str, Any], ...] = (
    {"separators": (",", ":")},
    {},
    *({"indent": each} for each in (1, 2, 3, 4, 8, "\t")),
)


@ycloud_cli.command("verify")
@click.option("--header", required=True, help=f"The value of the header {HEADER}.")
@click.option(
    "--body-file",
    required=True,
    type=click.File("rb"),
    help="A file with the raw body; - is standard input.",
)
@click.option(
    "--endpoint",
    shell_complete=completion.endpoints,
    help="The endpoint whose secret is used. Default: the first one.",
)
@click.option(
    "--tenant",
    shell_complete=completion.tenants,
    help="The tenant, at an endpoint that serves many accounts.",
)
@click.option("--endpoint-id", help=f"The value of the header {ENDPOINT_ID_HEADER}.")
def verify_file(
    header: str,
    body_file: BinaryIO,
    endpoint: str | None,
    tenant: str | None,
    endpoint_id: str | None,
) -> None:
    """Check the signature of a delivery, and say why it fails.

    \b
    Example:
      flask ycloud verify --header "t=1654084800,s=8eb7…" --body-file body.json
    """
    runtime = runtime_of(current_app)
    place = place_named(runtime, endpoint, tenant)
    body = body_file.read()
    secrets = place.secrets(runtime, endpoint_id)
    header = header.removeprefix(f"{HEADER}:").strip()
    try:
        signature = verify(body, header, secrets, tolerance=runtime.settings.tolerance)
    except SignatureMismatch:
        raise click.ClickException(_why(runtime, place, secrets, body, header)) from None
    except SignatureError as error:
        raise click.ClickException(str(error)) from None
    age = time.time() - signature.timestamp
    echo(f"The signature is right, and was made {short(age)} ago.")


def _why(
    runtime: Runtime,
    place: Place,
    secrets: tuple[str | bytes, ...],
    body: bytes,
    header: str,
) -> str:
    """Try what usually goes wrong."""
    name = place.endpoint
    for other, others in _others(runtime, place):
        if _fits(body, header, others):
            return f"It was signed with the secret of the endpoint {other!r}, not {name!r}."
    for change, original in _originals(body):
        if _fits(original, header, secrets):
            return (
                f"The body was changed after it was signed: {change}. Verify the bytes as"
                " they arrived (in Flask, request.get_data()), never JSON that was parsed"
                " and written again."
            )
    return (
        "No secret in the settings gives this signature for this body. Either the secret is"
        " another one (each endpoint has its own, and rotating makes a new one), or the"
        " body is not what was sent, byte for byte."
    )


def _others(
    runtime: Runtime, place: Place
) -> Iterator[tuple[str, tuple[str | bytes, ...]]]:
    """The other endpoints whose secrets can be fetched."""
    for other in places(runtime, [place.tenant] if place.tenant else []):
        if other != place:
            with suppress(ConfigurationError, UnknownTenant):
                yield other.endpoint, other.secrets(runtime)


def _fits(body: bytes, header: str, secrets: tuple[str | bytes, ...]) -> bool:
    try:
        verify(body, header, secrets, tolerance=float("inf"))
    except SignatureMismatch:
        return False
    return True


def _originals(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What a body may have been before somebody changed it."""
    yield "white space was added around it", body.strip()
    yield "the line break at its end was removed", body + b"\n"
    yield "its line breaks were changed", body.replace(b"\r\n", b"\n")
    try:
        loaded = json.loads(body)
    except (ValueError, RecursionError):
        return
    for ascii_only, layout in itertools.product((False, True), _LAYOUTS):
        written = json.dumps(loaded, ensure_ascii=ascii_only, **layout)
        original = written.encode("utf-8", "surrogatepass")
        for each in (original, original + b"\n"):
            yield "it was parsed and written again as JSON", each
