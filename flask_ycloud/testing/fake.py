"""A YCloud that sends signed events to an app."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask

from ..protocol import SAMPLE_ENDPOINT_ID, Answer
from ..settings import RETRY_DELAYS
from .deliveries import Agenda, Delivery
from .samples import sample_event
from .sender import TIMEOUT_SECONDS, Sender
from .suspensions import Suspensions


class FakeYCloud(Sender):
    """Sends signed events to an app, and keeps the answers.

    :meth:`send` sends once. :meth:`deliver` does what YCloud documents: it sends events
    again that were not acknowledged, on the documented schedule, and suspends a URL that
    fails too often. Where YCloud documents nothing, there is a parameter.

    :param app: the app to send to, by its test client. Set ``TESTING`` first. Then events
        go to a scratch store, and with the default dispatch they are handled while they
        are sent.
    :param url: instead of an app, where to send by HTTP.
    :param secret: the signing secret; that of the app's endpoint if left out.
    :param endpoint: the name of the app's endpoint; the first one if left out.
    :param tenant: the tenant, at an endpoint that has tenants: its path and its secret are
        used.
    :param endpoint_id: the id of the endpoint at YCloud, sent as
        ``X-Webhook-Endpoint-ID``. ``None`` sends no such header.
    :param raises: whether an error of a handler is raised in the test, after its outcome
        was stored. ``Discard`` and ``Retry`` are never raised. With ``False`` errors are in
        ``delivery.errors``.
    :param real_inbox: send to an app that is not in testing mode, whose inbox is the real
        one. Errors of handlers are then not raised.
    :param time_scale: how many seconds pass here for one of YCloud's. With 0 no time
        passes: retries are sent at once, in the order of their times.
    :param timeout: seconds to wait for an answer by HTTP, and in :meth:`run_due` for the
        app's worker threads. YCloud documents no limit.
    :param backfill: whether an event that is created while the URL is suspended is sent
        afterwards. YCloud does not promise it, so by default it is never sent.
    :param pending_after_suspensions: after how many suspensions the endpoint becomes
        pending. YCloud does so after frequent failures, but does not say how many. By
        default the endpoint never becomes pending.
    :raises ConfigurationError: if the app is not in testing mode, or has no such endpoint.
    :raises UnknownTenant: if the app does not know the tenant.
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
        raises: bool = True,
        real_inbox: bool = False,
        time_scale: float = 0.0,
        timeout: float = TIMEOUT_SECONDS,
        backfill: bool = False,
        pending_after_suspensions: int | None = None,
    ) -> None:
        super().__init__(
            app,
            url=url,
            secret=secret,
            endpoint=endpoint,
            tenant=tenant,
            endpoint_id=endpoint_id,
            raises=raises,
            real_inbox=real_inbox,
            timeout=timeout,
        )
        self._time_scale = time_scale
        self._backfill = backfill
        self._pending_after = pending_after_suspensions
        self._suspensions = Suspensions()

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
        total. A retry that becomes due then is made afterwards, and a first attempt only
        with ``backfill``. What is due while ``status`` is not ``"active"`` is never sent:
        see :attr:`unsent`.

        :param every: YCloud's seconds between the creation of two events.
        :param duplicates: the share of events, 0 to 1, that are sent again although they
            were acknowledged. YCloud says to expect some.
        :param shuffled: send in a random order. YCloud promises no order.
        :param seed: of the random choices.
        :returns: the deliveries, in the order of the events.
        """
        rng = random.Random(seed)  # noqa: S311  (nothing secret)
        whole = (sample_event(each) if isinstance(each, str) else each for each in events)
        made = [Delivery.of(each, self._address) for each in whole]
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

        This does not end a suspension, which ends after its time.
        """
        self.status = "active"
        self._suspensions.count = 0

    def _work_through(self, agenda: Agenda, again: set[int]) -> None:
        while agenda:
            at, delivery = agenda.take()
            self._wait_until(at)
            later = self._attempt(delivery, again)
            if later is not None:
                agenda.add(later, delivery)

    def _attempt(self, delivery: Delivery, again: set[int]) -> float | None:
        """Send it if the endpoint receives now. Return when it is due next, if it is.

        :param again: the ids of objects: deliveries to be sent again once acknowledged.
        """
        if self.status != "active":
            return None
        if self.now < self._suspensions.until:
            waits = delivery.sent or self._backfill
            return self._suspensions.until if waits else None
        answer = self._post(delivery)
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

    def _wait_until(self, at: float) -> None:
        if at > self.now:
            time.sleep((at - self.now) * self._time_scale)
            self.now = at
