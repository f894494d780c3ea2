"""Send signed events to an app one at a time, and handle them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from flask import Flask

from ..inbox import StoredEvent
from ..protocol import SAMPLE_ENDPOINT_ID, Answer
from ..runtime import runtime_of
from .accounts import new_secret
from .deliveries import Address, Delivery
from .handling import AppInbox
from .routes import ByClient, ByHTTP, Route, secret_of
from .samples import sample_event

#: Seconds that :class:`FakeYCloud` waits for an answer. This is its own limit, since YCloud
#: documents none. YCloud recommends an answer within 6 s, and an answer that takes more
#: than 10 s lowers the endpoint's priority. Source:
#: helpdocs.ycloud.com/help-center/integrations/webhook
TIMEOUT_SECONDS = 10.0


class Sender:
    """Sends signed events to an app, each once. Its parameters: :class:`FakeYCloud`."""

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
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        if (app is None) == (url is None):
            raise ValueError("FakeYCloud takes an app, or the url of a running app.")
        self._address: Address | None = None
        if app is None:
            self._route: Route = ByHTTP(str(url), timeout)
        else:
            runtime = runtime_of(app)
            name = runtime.endpoint_named(endpoint)
            self._route = ByClient(app, *runtime.location_of(name, tenant))
            secret = secret or secret_of(runtime, name, tenant, endpoint_id)
            inbox = AppInbox(runtime, timeout, real=real_inbox)
            self._address = Address(inbox, name, tenant or "")
        if secret is None:
            raise ValueError("FakeYCloud(url=…) takes the secret to sign with.")
        self.secret: str | bytes = secret
        #: The ``X-Webhook-Endpoint-ID`` that it sends.
        self.endpoint_id = endpoint_id
        #: Every delivery, in the order of the events, sent or not.
        self.deliveries: list[Delivery] = []
        #: YCloud's time, in seconds since this object was created.
        self.now = 0.0
        #: The endpoint's status at YCloud. Nothing is sent unless it is ``"active"``.
        self.status: Literal["active", "pending", "disabled"] = "active"
        self._raises = raises

    @property
    def unsent(self) -> list[Delivery]:
        """The deliveries that were never sent: the endpoint was suspended or not active."""
        return [each for each in self.deliveries if not each.sent]

    def send(
        self,
        event: str | Mapping[str, Any] | bytes,
        /,
        *,
        variant: str | Any = None,  # Any, since a checker takes **changes for it, too
        raises: bool | Any = None,
        **changes: Any,
    ) -> Delivery:
        """Send an event once, if the endpoint is active.

        No time passes. If it fails, it is not sent again, and does not lead to a
        suspension.

        :param event: an event type, of which a sample is sent with ``changes`` as in
            :func:`sample_event`; a whole event; or the raw bytes of a body.
        :param variant: another sample of that type, such as ``"image"``.
        :param raises: whether an error of a handler is raised; if left out, the value of
            ``FakeYCloud(raises=…)``.
        :returns: the delivery, with the answer.
        :raises LookupError: if there is no such type, variant or field, or a path leads
            nowhere.
        :raises TypeError: if there are changes for a whole event or raw bytes.
        """
        if isinstance(event, str):
            event = sample_event(event, variant=variant, **changes)
        elif changes or variant is not None:
            raise TypeError(
                "send() changes the sample of an event type. A whole event or raw bytes are"
                " sent as they are."
            )
        delivery = Delivery.of(event, self._address)
        self.deliveries.append(delivery)
        if self.status == "active":
            self._post(delivery, raises)
        return delivery

    def send_conflict(self, delivery: Delivery, /, **changes: Any) -> Delivery:
        """Send the event of an earlier delivery again, with the same id and another body.

        YCloud's Developer Kit tells receivers to keep such a *conflict*, to raise an
        alarm, and to answer with a 2xx.

        :param delivery: the earlier delivery.
        :param changes: what is different, as in :func:`sample_event`.
        :returns: the new delivery.
        :raises ValueError: if nothing is different.
        :raises LookupError: if the event's type is not documented, there is no such field,
            or a path leads nowhere.
        """
        event = delivery.changed(changes)
        if event == delivery.event:
            raise ValueError('A conflict needs a change, such as status="failed".')
        return self.send(event)

    def run_due(self, *, raises: bool | None = None) -> list[StoredEvent]:
        """Handle all events that are due now in the app's inbox.

        With ``YCLOUD_DISPATCH = "worker"`` it waits for the app's threads, and returns what
        they have handled since the last call. Errors of handlers are then not raised.

        :param raises: as in :meth:`send`. All events are handled before the first error is
            raised.
        :returns: the events that were handled, each as the inbox has it now.
        :raises TimeoutError: if the app's threads do not finish within ``timeout``.
        """
        return self._handle(AppInbox.run_due, raises)

    def advance(self, seconds: float, *, raises: bool | None = None) -> list[StoredEvent]:
        """Let time pass for the app's inbox, and handle all events that become due.

        It does not sleep. Each event is handled at its time: ``advance(60)`` makes the
        retry after 10 s and the retry 30 s after that. Retries are made exactly after their
        delays; without a ``FakeYCloud`` a random part is added.

        :param seconds: how many seconds pass.
        :param raises: as in :meth:`run_due`.
        :returns: the events that were handled, in the order of time. An event that was
            handled twice is listed twice; with ``"worker"`` each event is listed once.
        :raises TimeoutError: as in :meth:`run_due`.
        """
        self.now += seconds
        return self._handle(partial(AppInbox.advance, seconds=seconds), raises)

    def rotate_secret(self, new: str | None = None) -> str:
        """Sign with a new secret from now on.

        :param new: the new secret; a random one if left out.
        :returns: the new secret, to be configured beside the old one.
        """
        self.secret = new or new_secret()
        return self.secret

    def _post(self, delivery: Delivery, raises: bool | None = None) -> Answer:
        answer, errors = self._route.post(delivery.body, self.secret, self.endpoint_id)
        delivery.answers.append(answer)
        delivery.errors += errors
        self._raise(errors, raises)
        return answer

    def _handle(
        self, handle: Callable[..., list[StoredEvent]], raises: bool | None
    ) -> list[StoredEvent]:
        if self._address is None:
            raise RuntimeError(
                "FakeYCloud(url=…) sends to another process, whose inbox it cannot handle."
                " Use FakeYCloud(app)."
            )
        errors: list[BaseException] = []
        handled = handle(self._address.inbox, errors=errors)
        self._raise(errors, raises)
        return handled

    def _raise(self, errors: list[BaseException], raises: bool | None) -> None:
        if errors and (self._raises if raises is None else raises):
            raise errors[0]
