"""A request in, an authentic delivery out."""

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
_MOST_DIGITS = 18  # int() refuses thousands of them with an error of its own


@dataclass(frozen=True)
class Delivery:
    """What YCloud has signed and sent.

    :param signed_at: unix seconds, by YCloud's clock.
    :param started: when we began to read it, by ``time.perf_counter``.
    :param tenant: whose it is; ``None`` where the endpoint serves one account.
    :param endpoint_id: YCloud's id of the endpoint, if it said so.
    :param origin: where it came from, if the app has sent it to itself.
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
    """Read a delivery and verify it, over the raw bytes.

    The header is looked at first: without one that could be right, neither is the body
    read nor anybody asked for a secret.

    :param secrets: the endpoint's signing secrets.
    :param tenant: whose it claims to be.
    :param strong: refuses secrets that are too weak, and gives those that are not.
    :raises HTTPException: if the request is none that can carry a delivery: 400, 405, 411
        or 413.
    :raises SignatureError: if it is not authentic.
    :raises ConfigurationError: if there is no secret to verify it with, or a weak one.
    """
    started = time.perf_counter()
    if request.method != "POST":
        raise MethodNotAllowed(["POST"], "This URL takes the POSTs of YCloud's webhooks.")
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
    """What the delivery says; it is not signed, so what is odd is left aside."""
    found = request.headers.get(ENDPOINT_ID_HEADER, "").strip()
    return found if 0 < len(found) <= _LONGEST_ID and found.isprintable() else None


def _check_length(request: Request, limit: int) -> None:
    """See that the request says how long its body is.

    :raises HTTPException: 411 without a length, 400 with one that is wrong, 413 above
        the limit.
    """
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    length = request.headers.get("Content-Length")
    if length is None and not (chunked and request.environ.get("wsgi.input_terminated")):
        raise LengthRequired("The delivery has no Content-Length.")
    if length is not None and (chunked or not (length.isascii() and length.isdigit())):
        raise BadRequest("The delivery's Content-Length is no length, or not the only one.")
    if length is not None and (len(length) > _MOST_DIGITS or int(length) > limit):
        raise RequestEntityTooLarge


def _read_body(request: Request, limit: int) -> bytes:
    """The raw bytes, never more than the limit of them.

    :raises HTTPException: 400 if they cannot be read, 413 above the limit.
    """
    # Not the app's own MAX_CONTENT_LENGTH, which is there for uploads. A hook that read
    # the body before us has left it in the request. One byte more than the limit, for
    # of a chunked body werkzeug gives what is within and does not say that there is more.
    if "stream" not in vars(request):
        vars(request)["stream"] = get_input_stream(
            request.environ, max_content_length=limit + 1
        )
    try:
        body = request.get_data()
    except HTTPException:
        raise
    except Exception:  # each server has errors of its own for chunks that are none
        raise BadRequest("The delivery's body could not be read to its end.") from None
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body
