"""Send a signed delivery over HTTP, as YCloud does."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from .signature import HEADER, sign


@dataclass(frozen=True)
class Answer:
    """What a receiver answered.

    :param status: the HTTP status; 0 if there was no answer in time.
    :param text: the body of the answer.
    :param seconds: how long it took.
    """

    status: int
    text: str = field(repr=False)
    seconds: float

    @property
    def acknowledged(self) -> bool:
        """Whether it was a 2xx. Anything else YCloud sends again."""
        return 200 <= self.status < 300


def signed_headers(body: bytes, secret: str | bytes) -> dict[str, str]:
    """The headers of a delivery, signed now."""
    return {"Content-Type": "application/json", HEADER: sign(body, secret)}


def post(url: str, body: bytes, secret: str | bytes, *, timeout: float = 10) -> Answer:
    """Sign a body, send it, and give the answer, whatever its status.

    :param timeout: seconds to wait for it.
    :raises ValueError: if the URL is not one of http or https.
    :raises OSError: if there is no answer.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no http:// or https:// URL.")
    request = urllib.request.Request(url, body, signed_headers(body, secret))  # noqa: S310
    started = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read()
    return Answer(status, text.decode("utf-8", "replace"), time.perf_counter() - started)
