"""Send a signed delivery over HTTP, as YCloud does."""

from __future__ import annotations

import http.client
import ipaddress
import time
import urllib.request
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .signature import ENDPOINT_ID_HEADER, HEADER, sign

#: An endpoint's id: the example of WebhookEndpoint in YCloud's OpenAPI document.
SAMPLE_ENDPOINT_ID = "wh627c8640675de8fc689ab9d9"

_AT_ONCE = 8
_LONGEST_ANSWER = 64 * 1024  # bytes


@dataclass(frozen=True)
class Answer:
    """What a receiver answered.

    :param status: the HTTP status; 0 if there was no answer in time.
    :param text: the body of the answer, at most 64 KiB of it.
    :param seconds: how long the answer took.
    :param location: where a redirect leads. It is not followed.
    """

    status: int
    text: str = field(repr=False)
    seconds: float
    location: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether it was a 2xx. Otherwise YCloud sends the event again."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Target:
    """Where deliveries go, and how they are signed.

    :param url: of http or https.
    :param secret: the endpoint's signing secret.
    :param endpoint_id: the endpoint's id at YCloud; ``None`` leaves its header out.
    """

    url: str
    secret: str | bytes = field(repr=False)
    endpoint_id: str | None = SAMPLE_ENDPOINT_ID


def signed_headers(
    body: bytes, secret: str | bytes, endpoint_id: str | None = SAMPLE_ENDPOINT_ID
) -> dict[str, str]:
    """The headers of a delivery, signed now.

    :param endpoint_id: the endpoint's id at YCloud; ``None`` leaves its header out.
    """
    headers = {"Content-Type": "application/json", HEADER: sign(body, secret)}
    if endpoint_id is not None:
        headers[ENDPOINT_ID_HEADER] = endpoint_id
    return headers


def post(target: Target, body: bytes, *, timeout: float = 10) -> Answer:
    """Sign a body, send it, and return the answer, whatever its status.

    A redirect is not followed, so the signature is sent nowhere else. No proxy is used for
    this machine.

    :param timeout: seconds to wait for the answer. How long YCloud waits is not documented.
    :raises ValueError: if the URL is not one of http or https.
    :raises OSError: if there is no answer.
    """
    if not target.url.startswith(("http://", "https://")):
        raise ValueError(f"{target.url!r} is not an http:// or https:// URL.")
    headers = signed_headers(body, target.secret, target.endpoint_id)
    request = urllib.request.Request(target.url, body, headers)  # noqa: S310
    started = time.perf_counter()
    try:
        with _opener(target.url).open(request, timeout=timeout) as response:
            text = _beginning(response, started + timeout).decode("utf-8", "replace")
    except http.client.InvalidURL as error:
        raise ValueError(f"{target.url!r} is not a URL: {error}.") from None
    except http.client.HTTPException as error:
        raise OSError(f"the answer is not HTTP ({type(error).__name__})") from None
    location = response.headers.get("Location") if 300 <= response.status < 400 else None
    return Answer(response.status, text, time.perf_counter() - started, location)


def is_loopback(url: str) -> bool:
    """Whether a URL points to this machine.

    :raises ValueError: if it is not a URL.
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Opens URLs without redirects and cookies."""
    opener = urllib.request.OpenerDirector()
    # None means the proxies of the environment.
    proxies: dict[str, str] | None = {} if is_loopback(url) else None
    opener.add_handler(urllib.request.ProxyHandler(proxies))
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler())
    return opener


def _beginning(response: Any, deadline: float) -> bytes:
    """The beginning of an answer: it may be endless, slow, or break off."""
    body = b""
    with suppress(ConnectionError):  # its status has arrived, which is enough
        while len(body) < _LONGEST_ANSWER and time.perf_counter() < deadline:
            part: bytes = response.read1(_LONGEST_ANSWER - len(body))
            if not part:
                break
            body += part
    return body


def attempt(target: Target, body: bytes, *, timeout: float = 10) -> Answer:
    """Like :func:`post`, but if there is no answer, return one with status 0."""
    started = time.perf_counter()
    try:
        return post(target, body, timeout=timeout)
    except OSError:
        return Answer(0, "", time.perf_counter() - started)


def post_all(
    target: Target, bodies: Iterable[bytes], *, rate: float | None = None
) -> Iterator[Answer]:
    """Send many bodies, a few at a time, and return the answers in their order.

    :param rate: how many a second at most; without a limit if left out.
    """
    started = time.perf_counter()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting: deque[Future[Answer]] = deque()
        for number, body in enumerate(bodies):
            if rate is not None:
                time.sleep(max(0.0, started + number / rate - time.perf_counter()))
            waiting.append(pool.submit(attempt, target, body))
            while len(waiting) > 2 * _AT_ONCE or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        for each in waiting:
            yield each.result()
