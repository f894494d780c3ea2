"""Sign and verify deliveries.

YCloud sends ``YCloud-Signature: t=<unix seconds>,s=<hex>``, where ``s`` is the
HMAC-SHA256 of ``t + "." + raw body`` under the endpoint's signing secret.
Source: https://docs.ycloud.com/reference/configure-webhooks
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from hmac import compare_digest
from typing import NamedTuple

from ..errors import (
    ConfigurationError,
    MalformedSignature,
    MissingSignature,
    SignatureMismatch,
    StaleSignature,
)

#: The header that carries the signature.
HEADER = "YCloud-Signature"

#: The header that carries the id of the webhook endpoint at YCloud. It is not signed, so it
#: is only a hint. If the secret is chosen by it, the signature proves it.
#: Source: docs.ycloud.com/en/api-reference/implement-a-webhook-receiver
ENDPOINT_ID_HEADER = "X-Webhook-Endpoint-ID"

#: Seconds, both ways, that :func:`verify` allows by default. It is short, since ``verify``
#: does not know earlier deliveries. The blueprint knows them, and uses
#: ``YCLOUD_SIGNATURE_TOLERANCE``.
DEFAULT_TOLERANCE = 300.0

# ``\d`` would also match the digits of other scripts, and int() would take them.
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_USUAL_LENGTH = len("t=1700000000,s=") + 64


class Signature(NamedTuple):
    """What a ``YCloud-Signature`` header says. Its ``repr`` shows no signature.

    :param timestamp: when it was signed, in unix seconds.
    :param digests: its signatures, any of which may match.
    """

    timestamp: int
    digests: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Signature(timestamp={self.timestamp})"


def sign(body: bytes, secret: str | bytes, *, timestamp: int | None = None) -> str:
    """Sign a body as YCloud does.

    :param body: the raw bytes to send.
    :param secret: the endpoint's signing secret.
    :param timestamp: unix seconds; now if left out.
    :returns: the value of the ``YCloud-Signature`` header.
    :raises ConfigurationError: if the secret is empty.
    """
    seconds = str(int(time.time() if timestamp is None else timestamp))
    mac = _keyed(_as_key(secret)).copy()
    mac.update(seconds.encode() + b"." + body)
    return f"t={seconds},s={mac.hexdigest()}"


def read_signature(header: str | None) -> Signature:
    """Read a ``YCloud-Signature`` header, without verifying anything.

    :raises MissingSignature: if there is no header.
    :raises MalformedSignature: if it cannot be read.
    """
    if header is None:
        raise MissingSignature(f"The delivery has no {HEADER} header.")
    timestamp, digests = _parse(header)
    return Signature(int(timestamp), digests)


def verify(
    body: bytes,
    header: str | None,
    secrets: str | bytes | Iterable[str | bytes],
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    now: float | None = None,
) -> Signature:
    """Check that YCloud signed this body, and when.

    The time is checked last, so a delivery with ``StaleSignature`` is always authentic.

    :param body: the raw bytes as they arrived, not re-serialised JSON.
    :param header: the value of ``YCloud-Signature``, or ``None`` if it was not sent.
    :param secrets: the signing secret, or several while rotating; any may match.
    :param tolerance: seconds that the signature may be older or newer than now.
    :param now: unix seconds; the current time if left out.
    :returns: the parsed header.
    :raises MissingSignature: if there is no header.
    :raises MalformedSignature: if the header cannot be read.
    :raises SignatureMismatch: if no secret gives one of its signatures.
    :raises StaleSignature: if it was signed outside the tolerance.
    :raises ConfigurationError: if there is no secret, or an empty one.
    """
    keys: tuple[bytes, ...]
    if type(secrets) is str and secrets.isascii() and secrets:
        keys = (secrets.encode(),)  # nothing else needs a check
    else:
        keys = _as_keys(secrets)
    if header is None:
        raise MissingSignature(f"The delivery has no {HEADER} header.")
    # The usual form, read by position. If anything in it is odd, it fits no body.
    usual = len(header) == _USUAL_LENGTH and header[12:15] == ",s=" and header.isascii()
    digests: tuple[str, ...]
    if usual and header[:2] == "t=" and (timestamp := header[2:12]).isdigit():
        digests = (header[15:],)
    else:
        timestamp, digests = _parse(header)
    # Every key with every digest, so that it takes equally long whichever fits.
    found = False
    for key in keys:
        mac = _keyed(key).copy()
        mac.update(timestamp.encode() + b".")
        mac.update(body)
        expected = mac.hexdigest()
        for digest in digests:
            found |= compare_digest(expected, digest)
    if not found:
        _parse(header)  # raises a better error if the header is odd
        raise SignatureMismatch("The signature does not fit the body.")
    seconds = int(timestamp)
    age = (time.time() if now is None else now) - seconds
    if not -tolerance <= age <= tolerance:
        raise StaleSignature(age, tolerance)
    # Half the time of Signature(seconds, digests), which is a function in Python.
    return tuple.__new__(Signature, (seconds, digests))


@lru_cache(maxsize=128)
def _keyed(key: bytes) -> hmac.HMAC:
    """An HMAC with the key, which costs as much to make as that of a small body."""
    return hmac.new(key, digestmod="sha256")


def _parse(header: str) -> tuple[str, tuple[str, ...]]:
    """Split a header into its timestamp, as sent, and its digests."""
    timestamps: list[str] = []
    digests: list[str] = []
    for element in header.split(","):
        key, equals, value = element.strip(" ").partition("=")
        if not equals:
            raise MalformedSignature("The signature header has an element without '='.")
        if key == "t":
            timestamps.append(value)
        elif key == "s":
            digests.append(value)
    if len(timestamps) != 1 or not _TIMESTAMP.fullmatch(timestamps[0]):
        raise MalformedSignature("The signature header needs one t=<unix seconds>.")
    if not digests or not all(map(_DIGEST.fullmatch, digests)):
        raise MalformedSignature("The signature header needs s=<64 lower-case hex digits>.")
    return timestamps[0], tuple(digests)


def _as_keys(secrets: str | bytes | Iterable[str | bytes]) -> tuple[bytes, ...]:
    if isinstance(secrets, (str, bytes)):
        return (_as_key(secrets),)
    keys = tuple(map(_as_key, secrets))
    if not keys:
        raise ConfigurationError("There is no signing secret. Pass the endpoint's secret.")
    return keys


def _as_key(secret: str | bytes) -> bytes:
    if not isinstance(secret, (str, bytes)):
        raise ConfigurationError(
            f"A signing secret is a str or bytes; got {type(secret).__name__}."
        )
    if not secret:
        raise ConfigurationError("A signing secret is empty. Pass the endpoint's secret.")
    try:
        return secret.encode() if isinstance(secret, str) else secret
    except UnicodeEncodeError:
        # From None: the original error would show the secret.
        raise ConfigurationError("A signing secret is not valid Unicode text.") from None
