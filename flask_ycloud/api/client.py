"""A client of YCloud's API: any operation, and downloads of media."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, get_args
from urllib.parse import unquote

import httpx

from ..errors import APIError, ConfigurationError
from ..logs import log
from ..protocol import is_loopback
from .answers import not_understood, read_json
from .media import Download, receive, redirected, staged
from .repeating import repeat

if TYPE_CHECKING:
    from typing_extensions import Self

_logger = logging.getLogger(__name__)

BASE_URL = "https://api.ycloud.com/v2"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_PATH = re.compile(r"(?:/(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+", re.A)
_MOST_REDIRECTS = 5
_IN_THE_CLEAR = (
    "The API's URL at %s has no HTTPS: anybody on the way can read the API key. Use an"
    " https:// URL in YCLOUD_API_URL or base_url=."
)


class YCloud:
    """A client of YCloud's API.

    ::

        ycloud = YCloud(api_key)
        ycloud.call("POST", "/whatsapp/messages", json={"from": …, "to": …, …})

    A call is repeated up to three times if YCloud certainly did not carry it out: it
    answered 429, or could not be reached. The pause before each is ``Retry-After``, or
    grows from 0.5 to 2 seconds. A ``GET``, ``PUT``, ``PATCH`` or ``DELETE`` is also
    repeated if it failed on the way or with 502, 503 or 504. A ``POST`` is never repeated
    if it may have been carried out: YCloud has no idempotency key. If ``Retry-After`` is
    longer than a minute, the error is raised at once.

    All threads can use one object. It keeps connections open; :meth:`close` closes them,
    and so does ``with``. The key is only sent to YCloud, and no repr, log or message has
    it.

    :param api_key: from YCloud's dashboard, Developers → API keys.
    :param base_url: of the API; ``https://api.ycloud.com/v2`` if left out. Without HTTPS
        anybody on the way can read the key, so a warning is logged, unless it points to
        this machine.
    :param timeout: seconds to wait for a connection, and for each part of an answer.
    :raises ConfigurationError: if the key is not a text of printable ASCII characters.
    """

    def __init__(
        self, api_key: str, *, base_url: str | None = None, timeout: float = 10.0
    ) -> None:
        base_url = base_url or BASE_URL
        self._key = _Key(api_key, httpx.URL(base_url))
        if not base_url.lower().startswith("https:") and not is_loopback(base_url):
            log(_logger, logging.WARNING, _IN_THE_CLEAR, httpx.URL(base_url).host)
        self._client = httpx.Client(base_url=base_url, auth=self._key, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(
        self,
        method: Method,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one call of the API.

        The operations and their fields: https://docs.ycloud.com/reference

        :param method: ``"GET"``, ``"POST"``, ``"PUT"``, ``"PATCH"`` or ``"DELETE"``.
        :param path: as in YCloud's reference, such as ``"/whatsapp/messages"``. If an id in
            it may have a slash or a space, pass the id to ``urllib.parse.quote`` first.
        :param json: the body.
        :param params: the query.
        :returns: the JSON object of the answer; an empty one if there is no body.
        :raises ValueError: if the method or the path is not valid.
        :raises APIError: if YCloud refuses; its ``maybe_done`` says whether the call may
            have been carried out.
        :raises APIUnreachable: if there is no answer; it also has ``maybe_done``.
        """
        _check(method, path)
        request = self._request(method, path, json=json, params=params)
        try:
            return repeat(
                lambda: self._answer(request),
                f"{method} {path}",
                safe=method != "POST",
            )
        except APIError as error:
            if method == "DELETE" and error.status == 404 and error.maybe_done:
                return {}  # an earlier attempt deleted it, and its answer was lost
            raise

    def download(
        self,
        link: str,
        to: str | os.PathLike[str] | BinaryIO,
        *,
        max_bytes: int = 100 * 1024**2,
    ) -> Download:
        """Download the media of an event.

        YCloud keeps them for 30 days. It does not document how the ``sha256`` of an event
        is encoded, so it is not compared.

        :param link: as the event has it, such as ``event.data["image"]["link"]``. It must
            be an ``https://`` URL at ycloud.com or a subdomain, or at the host of
            ``base_url``. Redirects may lead elsewhere; the key is not sent there.
        :param to: a path, or a binary file object. It is written when the download is
            complete. If anything fails, it is not changed. A process that is killed during
            the download may leave a hidden ``….part`` file beside the path.
        :param max_bytes: how many bytes are downloaded at most; 100 MiB if left out.
        :raises ValueError: if the link does not lead to YCloud.
        :raises APIError: if YCloud refuses; with status 404 if there is no such media, and
            with 413 if it is larger than ``max_bytes``.
        :raises APIUnreachable: if there is no answer, or it breaks off.
        :raises OSError: if the file cannot be written.
        """
        url = self._key.checked(link)
        with staged(to) as file:
            return repeat(
                lambda: self._fetch(url, file, max_bytes), f"GET {url.path}", safe=True
            )

    def _answer(self, request: httpx.Request) -> dict[str, Any]:
        with closing(self._client.send(request, stream=True)) as answer:
            return read_json(answer)

    def _fetch(self, url: httpx.URL, file: BinaryIO, max_bytes: int) -> Download:
        for _ in range(_MOST_REDIRECTS + 1):
            request = self._request("GET", url, headers={"Accept-Encoding": "identity"})
            with closing(self._client.send(request, stream=True)) as answer:
                further = redirected(answer)
                if further is None:
                    return receive(answer, file, max_bytes)
            url = further
        raise not_understood(f"it redirects more than {_MOST_REDIRECTS} times")

    def _request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        request = self._client.build_request(method, url, **options)
        request.url = _WithoutQuery(request.url)
        return request


class _Key(httpx.Auth):
    """The API key, and where it is sent."""

    def __init__(self, key: str, base_url: httpx.URL) -> None:
        if not isinstance(key, str) or not _is_header(key.strip()):
            raise ConfigurationError(
                "YCloud's API takes an API key (YCLOUD_API_KEY): a text from YCloud's"
                " dashboard, Developers → API keys."
            )
        self._key = key.strip()
        self._origin = _origin(base_url)

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        if self._is_for(request.url):
            request.headers["X-API-Key"] = self._key
        yield request

    def checked(self, link: str) -> httpx.URL:
        """A link as a URL, if the key may be sent there."""
        try:
            url = httpx.URL(link)
        except (httpx.InvalidURL, TypeError):
            url = httpx.URL("")
        if not self._is_for(url):
            raise ValueError(
                "The link does not lead to YCloud. download() takes the link of an event"
                " unchanged, such as event.data['image']['link']. Use another client for"
                " other URLs."
            )
        return url

    def _is_for(self, url: httpx.URL) -> bool:
        of_ycloud = url.scheme == "https" and f".{url.host}".endswith(".ycloud.com")
        return not url.userinfo and (of_ycloud or _origin(url) == self._origin)


class _WithoutQuery(httpx.URL):
    """A URL without its query in logs: it may grant access, or name a person."""

    def __str__(self) -> str:
        return str(self.copy_with(query=None))


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _is_header(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable()


def _check(method: str, path: str) -> None:
    if method not in get_args(Method):
        raise ValueError(f"call() takes GET, POST, PUT, PATCH or DELETE; got {method!r}.")
    segments = unquote(path).split("/")
    if not _PATH.fullmatch(path) or not {".", ".."}.isdisjoint(segments):
        raise ValueError(
            f"{path!r} is not a path of YCloud's API. It begins with a slash and has"
            " no host, no empty part and no '..', such as '/whatsapp/messages'. A query"
            " goes to params=; an id may need urllib.parse.quote(id, safe='')."
        )
