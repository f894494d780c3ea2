"""For tests of apps that receive: sample events, and a YCloud that sends them."""

from __future__ import annotations

import heapq
import itertools
import json
import random
import secrets
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask

from .protocol import Answer as Answer  # public here, as are the next three
from .protocol import attempt, signed_headers
from .protocol import sample as sample
from .protocol import sample_event as sample_event
from .protocol import variants as variants
from .runtime import runtime_of
from .settings import RETRY_DELAYS as RETRY_DELAYS  # a fact of YCloud, public here too

#: After how long YCloud gives up on an answer, and what makes it pause a URL:
#: helpdocs.ycloud.com/help-center/integrations/webhook
TIMEOUT_SECONDS = 10.0
SUSPENDED_AFTER_FAILURES = 200  # within a minute
SUSPENDED_SECONDS = 180.0
_MINUTE = 60.0


@dataclass
class Delivery:
    """An event on its way, and what was answered to each attempt."""

    body: bytes = field(repr=False)
    answers: list[Answer] = field(default_factory=list)

    @property
    def event(self) -> Any:
        """The event, read from its body."""
        return json.loads(self.body)

    @property
    def status(self) -> int:
        """The status of the last answer."""
        return self.answers[-1].status

    @property
    def acknowledged(self) -> bool:
        """Whether the last answer was a 2xx."""
        return bool(self.answers) and self.answers[-1].acknowledged


class FakeYCloud:
    """Sends signed events to an app, and keeps what was answered.

    :meth:`send` sends once. :meth:`deliver` behaves like the real one: it sends again
    what was not acknowledged, on the documented schedule, and pauses a URL that fails too
    often.

    :param app: the app to send to, by its test client. Under ``app.testing`` with the
        default dispatch, a handler's error is raised by the sending.
    :param url: instead of an app, where to send by HTTP.
    :param secret: the signing secret; that of the app's endpoint if left out.
    :param endpoint: the name of the app's endpoint; the first one if left out.
    :param time_scale: how many seconds pass here for one of YCloud's. 0 lets none pass:
        retries come at once, in the order of their times.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        url: str | None = None,
        secret: str | bytes | None = None,
        endpoint: str | None = None,
        time_scale: float = 0.0,
    ) -> None:
        if (app is None) == (url is None):
            raise ValueError("FakeYCloud takes an app, or the url of a running one.")
        if app is not None:
            runtime = runtime_of(app)
            name = runtime.endpoint_named(endpoint)
            self._path = runtime.path_of(name)
            secret = secret or runtime.endpoints[name].secrets()[0]
        if secret is None:
            raise ValueError("FakeYCloud(url=…) takes the secret to sign with.")
        self.secret: str | bytes = secret
        #: Every delivery, in the order of first attempts.
        self.deliveries: list[Delivery] = []
        #: YCloud's time, in seconds since it was made.
        self.now = 0.0
        self._app = app
        self._url = url
        self._time_scale = time_scale
        self._failures: deque[float] = deque()
        self._suspended_until = 0.0

    def send(
        self,
        event: str | Mapping[str, Any] | bytes,
        *,
        variant: str | None = None,
        **changes: Any,
    ) -> Delivery:
        """Send an event once.

        :param event: an event type, of which a sample is sent with ``changes`` as in
            :func:`sample_event`; a whole event; or the raw bytes of a body.
        """
        if isinstance(event, str):
            event = sample_event(event, variant=variant, **changes)
        delivery = _delivery(event)
        self.deliveries.append(delivery)
        self._attempt(delivery)
        return delivery

    def deliver(
        self,
        events: Iterable[str | Mapping[str, Any] | bytes],
        *,
        duplicates: float = 0.0,
        shuffled: bool = False,
        seed: int = 0,
    ) -> list[Delivery]:
        """Send events until each is acknowledged or given up after the last retry.

        :param duplicates: the share of events, 0 to 1, that are sent again though they
            were acknowledged; YCloud says to expect some.
        :param shuffled: send in another order; YCloud promises none.
        :param seed: of what is random.
        :returns: the deliveries, in the order of the events.
        """
        rng = random.Random(seed)  # noqa: S311  (nothing secret)
        made = [_delivery(sample_event(e) if isinstance(e, str) else e) for e in events]
        self.deliveries += made
        order = rng.sample(made, len(made)) if shuffled else made
        count = itertools.count()
        due = [(self.now, next(count), delivery) for delivery in order]
        again = {id(each) for each in made if rng.random() < duplicates}
        while due:
            at, _, delivery = heapq.heappop(due)
            self._wait_until(at)
            if self.now < self._suspended_until:
                heapq.heappush(due, (self._suspended_until, next(count), delivery))
                continue
            self._attempt(delivery)
            failures = sum(not answer.acknowledged for answer in delivery.answers)
            if delivery.acknowledged and id(delivery) in again:
                again.discard(id(delivery))
                heapq.heappush(due, (self.now, next(count), delivery))
            elif not delivery.acknowledged and failures <= len(RETRY_DELAYS):
                later = self.now + RETRY_DELAYS[failures - 1]
                heapq.heappush(due, (later, next(count), delivery))
        return made

    def rotate_secret(self, new: str | None = None) -> str:
        """Sign with a new secret from now on.

        :param new: the new one; made up if left out.
        :returns: the new one, to be configured beside the old.
        """
        self.secret = new or f"whsec_{secrets.token_hex(16)}"
        return self.secret

    def _attempt(self, delivery: Delivery) -> None:
        answer = self._post(delivery.body)
        delivery.answers.append(answer)
        if not answer.acknowledged:
            self._failures.append(self.now)
            while self._failures[0] < self.now - _MINUTE:
                self._failures.popleft()
            if len(self._failures) >= SUSPENDED_AFTER_FAILURES:
                self._suspended_until = self.now + SUSPENDED_SECONDS
                self._failures.clear()

    def _post(self, body: bytes) -> Answer:
        if self._app is not None:
            started = time.perf_counter()
            headers = signed_headers(body, self.secret)
            response = self._app.test_client().post(self._path, data=body, headers=headers)
            seconds = time.perf_counter() - started
            return Answer(response.status_code, response.text, seconds)
        return attempt(str(self._url), body, self.secret, timeout=TIMEOUT_SECONDS)

    def _wait_until(self, at: float) -> None:
        if at > self.now:
            time.sleep((at - self.now) * self._time_scale)
            self.now = at


def _delivery(event: Mapping[str, Any] | bytes) -> Delivery:
    return Delivery(event if isinstance(event, bytes) else json.dumps(event).encode())
