"""Reads a delivery from a request, and verifies it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    LengthRequired,
    MethodNotAllowed,
    RequestEntityTooLarge,
)
from werkzeug.wrappers import Request
from werkzeug.wsgi import get_input_stream

from ..protocol import ENDPOINT_ID_HEADER, HEADER, read_signature, verify
from ..secret_checks import Keys
from ..settings import Settings
from ..signing_secrets import Secrets
from .origins import origin_of

_LONGEST_ID = 255
_MOST_DIGITS = 18  # int() raises another error for thousands of digits


@dataclass(frozen=True)
class Delivery:
    """A delivery with a verified signature.

    :param signed_at: Unix seconds, by YCloud's clock.
    :param started: when the app began to read the request, by ``time.perf_counter``.
    :param tenant: the tenant; ``None`` if the endpoint serves one account.
    :param endpoint_id: YCloud's id of the endpoint, if the delivery has it.
    :param origin: its source, if the app has sent the delivery to itself.
    """

    body: bytes = field(repr=False)
    signed_at: int
    started: float
    tenant: str | None = None
    endpoint_id: str | None = None
    origin: str = ""


def read_delivery(
    request: Request,
    settings: Settings,
    secrets: Secrets,
    tenant: str | None,
    strong: Callable[[Keys], Keys],
) -> Delivery:
    """Read a delivery, and verify the signature of its raw bytes.

    The header is checked first. If it is missing or malformed, the body is not read, and no
    secret is looked up.

    :param secrets: the endpoint's signing secrets.
    :param tenant: the tenant in the path.
    :param strong: returns the secrets, and raises if one of them is too weak.
    :raises HTTPException: if the request cannot be a delivery: 400, 405, 411 or 413.
    :raises SignatureError: if the delivery is not authentic.
    :raises ConfigurationError: if the signing secret is missing or too weak.
    """
    started = time.perf_counter()
    if request.method != "POST":
        raise MethodNotAllowed(
            ["POST"], "This URL only accepts POST, for YCloud's webhooks."
        )
    _check_length(request, settings.max_body_bytes)
    header = request.headers.get(HEADER)
    read_signature(header)
    body = _read_body(request, settings.max_body_bytes)
    endpoint_id = _endpoint_id(request)
    signature = secrets.verify(
        tenant,
        endpoint_id,
        lambda keys: verify(body, header, strong(keys), tolerance=settings.tolerance),
    )
    origin = origin_of(request)
    return Delivery(body, signature.timestamp, started, tenant, endpoint_id, origin)


def _endpoint_id(request: Request) -> str | None:
    """Return the endpoint id of the header. It is not signed, so odd values are ignored."""
    found = request.headers.get(ENDPOINT_ID_HEADER, "").strip()
    return found if 0 < len(found) <= _LONGEST_ID and found.isprintable() else None


def _check_length(request: Request, limit: int) -> None:
    """Check that the request states the length of its body.

    :raises HTTPException: 411 without a length, 400 with an invalid length, 413 above the
        limit, in bytes.
    """
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    length = request.headers.get("Content-Length")
    if length is None and not (chunked and request.environ.get("wsgi.input_terminated")):
        raise LengthRequired("The delivery has no Content-Length.")
    if length is not None and (chunked or not (length.isascii() and length.isdigit())):
        raise BadRequest(
            "The delivery's Content-Length is not a number, or it is also chunked."
        )
    if length is not None and (len(length) > _MOST_DIGITS or int(length) > limit):
        raise RequestEntityTooLarge


def _read_body(request: Request, limit: int) -> bytes:
    """Read the raw bytes, never more than the limit.

    :raises HTTPException: 400 if the body cannot be read, 413 above the limit, in bytes.
    """
    # The app's MAX_CONTENT_LENGTH is for uploads, so it is not used here. If a hook has
    # read the body before, the request has it already. The limit is one byte higher, since
    # werkzeug silently cuts a chunked body at the limit.
    if "stream" not in vars(request):
        vars(request)["stream"] = get_input_stream(
            request.environ, max_content_length=limit + 1
        )
    try:
        body = request.get_data()
    except HTTPException:
        raise
    except Exception:  # each server raises its own errors for invalid chunks
        raise BadRequest("The delivery's body could not be read to its end.") from None
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body
