"""A YCloud that sends signed events to an app."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, Literal

from flask import Flask

from ..protocol import (
    SAMPLE_ENDPOINT_ID,
    Answer,
    Target,
    attempt,
    sample_event,
    signed_headers,
)
from ..runtime import runtime_of
from ..settings import RETRY_DELAYS
from .deliveries import Agenda, Delivery
from .suspensions import Suspensions

#: Seconds that :class:`FakeYCloud` waits for an answer. It is this fake's own choice. How
#: long YCloud waits at most is not documented: it recommends an answer within 6 s, and
#: one that takes more than 10 s lowers the endpoint's priority.
#: Source: helpdocs.ycloud.com/help-center/integrations/webhook
TIMEOUT_SECONDS = 10.0


class FakeYCloud:
    """Sends signed events to an app, and keeps what was answered.

    :meth:`send` sends once. :meth:`deliver` does what YCloud documents: it sends again
    what was not acknowledged, on the documented schedule, and suspends a URL that fails
    too often. Where YCloud documents nothing, a parameter decides.

    :param app: the app to send to, by its test client. Under ``app.testing`` with the
        default dispatch, a handler's error is raised by the sending.
    :param url: instead of an app, where to send by HTTP.
    :param secret: the signing secret; that of the app's endpoint if left out.
    :param endpoint: the name of the app's endpoint; the first one if left out.
    :param tenant: whose account it is, at an endpoint that serves many: its path and its
        secret are used.
    :param endpoint_id: the id of the endpoint at YCloud, sent as
        ``X-Webhook-Endpoint-ID``. ``None`` sends no such header.
    :param time_scale: how many seconds pass here for one of YCloud's. 0 lets none pass:
        retries come at once, in the order of their times.
    :param timeout: seconds to wait for an answer by HTTP. YCloud documents no limit.
    :param backfill: whether an event that is created while the URL is suspended is sent
        afterwards. YCloud does not promise it, so by default it is never sent.
    :param pending_after_suspensions: how many suspensions turn the endpoint pending.
        YCloud says that frequent failures do, but not how many. By default none does.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        url: str | None = None,
        secret: str | bytes | None = None,
        endpoint: str | None = None,
        tenant: str | None = None,
        endpoint_id: str | None = SAMPLE_ENDPOINT_ID,
        time_scale: float = 0.0,
        timeout: float = TIMEOUT_SECONDS,
        backfill: bool = False,
        pending_after_suspensions: int | None = None,
    ) -> None:
        if (app is None) == (url is None):
            raise ValueError("FakeYCloud takes an app, or the url of a running one.")
        if app is not None:
            runtime = runtime_of(app)
            name = runtime.endpoint_named(endpoint)
            self._path = runtime.path_of(name, tenant)
            with app.app_context():  # in which the app looks its secrets up
                secret = (
                    secret or runtime.endpoints[name].secrets.of(tenant, endpoint_id)[0]
                )
        if secret is None:
            raise ValueError("FakeYCloud(url=…) takes the secret to sign with.")
        self.secret: str | bytes = secret
        #: What it sends as ``X-Webhook-Endpoint-ID``.
        self.endpoint_id = endpoint_id
        #: Every delivery, in the order of the events, sent or not.
        self.deliveries: list[Delivery] = []
        #: YCloud's time, in seconds since it was made.
        self.now = 0.0
        #: The endpoint's status at YCloud. Nothing is sent unless it is ``"active"``.
        self.status: Literal["active", "pending", "disabled"] = "active"
        self._app = app
        self._url = url
        self._time_scale = time_scale
        self._timeout = timeout
        self._backfill = backfill
        self._pending_after = pending_after_suspensions
        self._suspensions = Suspensions()

    @property
    def unsent(self) -> list[Delivery]:
        """The deliveries that were never sent: the endpoint was suspended or not active."""
        return [each for each in self.deliveries if not each.sent]

    def send(
        self,
        event: str | Mapping[str, Any] | bytes,
        *,
        variant: str | None = None,
        **changes: Any,
    ) -> Delivery:
        """Send an event once, if the endpoint is active.

        No time passes. A failure is not sent again, and counts for no suspension.

        :param event: an event type, of which a sample is sent with ``changes`` as in
            :func:`sample_event`; a whole event; or the raw bytes of a body.
        :param variant: another sample of that type, such as ``"image"``.
        :returns: the delivery, with the answer.
        :raises LookupError: if there is no such type or variant, or a path leads nowhere.
        """
        if isinstance(event, str):
            event = sample_event(event, variant=variant, **changes)
        delivery = Delivery.of(event)
        self.deliveries.append(delivery)
        if self.status == "active":
            delivery.answers.append(self._post(delivery.body))
        return delivery

    def send_conflict(self, delivery: Delivery, **changes: Any) -> Delivery:
        """Send the event of an earlier delivery once more: the same id, another body.

        YCloud's Developer Kit tells receivers to keep such a *conflict*, to raise an
        alarm, and to answer with a 2xx.

        :param delivery: the earlier one.
        :param changes: what is different, as in :func:`sample_event`.
        :returns: the new delivery.
        :raises ValueError: if nothing is different.
        :raises LookupError: if the event's type is not documented, or a path leads
            nowhere.
        """
        event = delivery.changed(changes)
        if event == delivery.event:
            raise ValueError('A conflict needs a change, such as status="failed".')
        return self.send(event)

    def deliver(
        self,
        events: Iterable[str | Mapping[str, Any] | bytes],
        *,
        every: float = 0.0,
        duplicates: float = 0.0,
        shuffled: bool = False,
        seed: int = 0,
    ) -> list[Delivery]:
        """Send events until each is acknowledged or given up after the last retry.

        Nothing is sent while the URL is suspended: for 3 minutes after 200 failures
        within a minute, or after failed attempts within a minute that took 10 minutes in
        sum. A retry that falls due then is made afterwards; a first attempt only with
        ``backfill``. Nothing is sent while :attr:`status` is not ``"active"``, neither
        then nor later: see :attr:`unsent`.

        :param every: YCloud's seconds between the creation of two events.
        :param duplicates: the share of events, 0 to 1, that are sent again though they
            were acknowledged; YCloud says to expect some.
        :param shuffled: send in another order; YCloud promises none.
        :param seed: of what is random.
        :returns: the deliveries, in the order of the events.
        """
        rng = random.Random(seed)  # noqa: S311  (nothing secret)
        made = [Delivery.of(sample_event(e) if isinstance(e, str) else e) for e in events]
        self.deliveries += made
        order = rng.sample(made, len(made)) if shuffled else made
        again = {id(each) for each in made if rng.random() < duplicates}
        agenda = Agenda()
        for number, delivery in enumerate(order):
            agenda.add(self.now + number * every, delivery)
        self._work_through(agenda, again)
        return made

    def activate(self) -> None:
        """Set the endpoint active again, as ``endpoints update --status active`` does.

        A suspension ends by itself, and not by this.
        """
        self.status = "active"
        self._suspensions.count = 0

    def rotate_secret(self, new: str | None = None) -> str:
        """Sign with a new secret from now on.

        :param new: the new one; made up if left out.
        :returns: the new one, to be configured beside the old.
        """
        self.secret = new or f"whsec_{secrets.token_hex(16)}"
        return self.secret

    def _work_through(self, agenda: Agenda, again: set[int]) -> None:
        while agenda:
            at, delivery = agenda.take()
            self._wait_until(at)
            later = self._attempt(delivery, again)
            if later is not None:
                agenda.add(later, delivery)

    def _attempt(self, delivery: Delivery, again: set[int]) -> float | None:
        """Send it, if anything is sent now, and say when it is due next, if it is.

        :param again: the ids of objects: deliveries to be sent again once acknowledged.
        """
        if self.status != "active":
            return None
        if self.now < self._suspensions.until:
            waits = delivery.sent or self._backfill
            return self._suspensions.until if waits else None
        answer = self._post(delivery.body)
        delivery.answers.append(answer)
        if not answer.acknowledged:
            self._note_failure(answer)
            retries = RETRY_DELAYS[delivery.failures - 1 :]
            return self.now + retries[0] if retries else None
        if id(delivery) in again:
            again.discard(id(delivery))
            return self.now
        return None

    def _note_failure(self, answer: Answer) -> None:
        self._suspensions.note_failure(self.now, answer.seconds)
        if self._suspensions.count == self._pending_after:
            self.status = "pending"

    def _post(self, body: bytes) -> Answer:
        if self._app is None:
            target = Target(str(self._url), self.secret, self.endpoint_id)
            return attempt(target, body, timeout=self._timeout)
        started = perf_counter()
        headers = signed_headers(body, self.secret, self.endpoint_id)
        response = self._app.test_client().post(self._path, data=body, headers=headers)
        return Answer(response.status_code, response.text, perf_counter() - started)

    def _wait_until(self, at: float) -> None:
        if at > self.now:
            time.sleep((at - self.now) * self._time_scale)
            self.now = at
