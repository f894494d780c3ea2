"""The signing secret of an endpoint, fetched from the API again and again."""

from __future__ import annotations

import logging
import math
import time

from ..errors import YCloudError
from ..logs import log
from ..timers import call_later
from .answers import not_understood
from .endpoints import WebhookEndpoints

_logger = logging.getLogger(__name__)

_FETCH_EVERY = 300.0  # seconds
_TRY_AGAIN_AFTER = 1.0  # seconds, if the system cannot start a thread
# YCloud's last retry comes 5 h 36 min after the first try.
_OLD_IS_GOOD = 6 * 3600.0


class EndpointSecret:
    """The signing secret of an endpoint, fetched from the API.

    ::

        app.config["YCLOUD_WEBHOOK_SECRET"] = EndpointSecret("wh627…", api_key)

    It is fetched when this object is created, so an app that cannot fetch it does not
    start. Then it is cached, and a thread fetches it again every five minutes. Deliveries
    do not wait for that, and while the API is unavailable the last secret is used. A secret
    that was replaced is valid for six more hours, since YCloud may still retry with it.

    :param endpoint_id: such as ``wh627c8640675de8fc689ab9d9``.
    :param api_key: as for :class:`YCloud`.
    :param base_url: as for :class:`YCloud`. Pass ``app.config.get("YCLOUD_API_URL")`` if
        the app has that setting.
    :raises APIError: if YCloud refuses, or gives no secret.
    :raises APIUnreachable: if there is no answer.
    """

    def __init__(
        self, endpoint_id: str, api_key: str, *, base_url: str | None = None
    ) -> None:
        self._endpoint_id = endpoint_id
        self._api_key = api_key
        self._base_url = base_url
        self._good_until: dict[str, float] = {}
        self._fetch_at = 0.0
        self._fetch()

    def __call__(self) -> tuple[str, ...]:
        """The secrets that are valid now."""
        now = time.monotonic()
        if now >= self._fetch_at:
            self._fetch_at = now + _FETCH_EVERY
            if call_later(0, self._fetch_again) is None:
                self._fetch_at = now + _TRY_AGAIN_AFTER
        return tuple(each for each, until in self._good_until.items() if now < until)

    def __repr__(self) -> str:
        return f"EndpointSecret({self._endpoint_id!r})"

    def _fetch(self) -> None:
        with WebhookEndpoints(self._api_key, base_url=self._base_url) as api:
            secret = api.retrieve(self._endpoint_id).secret
        if not secret:
            raise not_understood("the endpoint has no secret")
        now = time.monotonic()
        self._fetch_at = now + _FETCH_EVERY
        if self._good_until.get(secret) != math.inf:
            old = {
                each: min(until, now + _OLD_IS_GOOD)
                for each, until in self._good_until.items()
            }
            self._good_until = {secret: math.inf, **old}

    def _fetch_again(self) -> None:
        try:
            self._fetch()
        except YCloudError as error:
            message = "The secret of %s was not fetched again, so the last one is used: %s"
            log(_logger, logging.WARNING, message, self._endpoint_id, error)
