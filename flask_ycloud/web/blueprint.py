"""HTTP in, HTTP out: the blueprint that receives deliveries."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from .. import tracing
from ..cli import ycloud_cli
from ..dispatch import make_dispatcher, prepare
from ..errors import (
    ConfigurationError,
    EventNotUnderstood,
    InboxUnavailable,
    SignatureError,
    type_and_stack,
)
from ..handlers import (
    Handlers,
    announce,
    delivery_rejected,
    event_accepted,
    event_dead,
    event_duplicated,
)
from ..inbox import Inbox
from ..logs import log
from ..protocol import HEADER, body_id, ordering_key, parse_event
from ..runtime import Endpoint, Runtime, attach, runtime_of
from ..settings import secrets_of
from .csrf import exempt_from_csrf
from .deliveries import Delivery, read_delivery

if TYPE_CHECKING:
    from ..payloads import OnEvent

_logger = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 10
# All of them come here, so that a wrong one gets an answer of ours.
_METHODS = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]


class WebhookBlueprint(Blueprint):
    """An endpoint that receives YCloud's deliveries at ``<url_prefix>/webhook``.

    All endpoints of an app share one inbox, one worker and the settings; each has its
    own secret and its own :meth:`on_event`. An event id that is known is a duplicate at
    whichever endpoint it arrives next.

    :param name: the endpoint's name, kept with its events; unique in an app.
    :param secret_key: the config key that holds its signing secret.
    :param url_prefix: the path it is mounted under; ``/<name>`` if left out.
    """

    def __init__(
        self,
        name: str,
        *,
        secret_key: str = "YCLOUD_WEBHOOK_SECRET",  # noqa: S107  (a key, not a secret)
        url_prefix: str | None = None,
    ) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix or f"/{name}")
        self.secret_key = secret_key
        self._handlers = Handlers()
        #: Like :func:`flask_ycloud.on_event`, but for what arrives at this endpoint only.
        self.on_event: OnEvent = self._handlers.on_event
        self.add_url_rule(
            "/webhook",
            endpoint="webhook",
            view_func=self._receive,
            methods=_METHODS,
            provide_automatic_options=False,
            strict_slashes=False,
        )
        self.record(self._attach)
        self.url_value_preprocessor(lambda *_: exempt_from_csrf(self))

    def _attach(self, setup: BlueprintSetupState) -> None:
        """Give the app its runtime and commands, once, and this endpoint to both."""
        app: Flask = setup.app  # type: ignore[assignment]
        secrets = secrets_of(app.config, self.secret_key)
        first = "ycloud" not in app.extensions
        runtime = attach(app, make_dispatcher)
        runtime.add_endpoint(self.name, Endpoint(self._handlers, secrets))
        if first:
            prepare(runtime)
            app.cli.add_command(ycloud_cli)
            app.before_request(lambda: runtime.dispatcher.start())

    def _receive(self) -> Response:
        with tracing.accepting(self.name):
            return self._answer()

    def _answer(self) -> Response:
        runtime = runtime_of(current_app)
        secrets = runtime.endpoints[self.name].secrets
        try:
            delivery = read_delivery(request, runtime.settings, secrets)
        except SignatureError as error:
            challenge = {"WWW-Authenticate": HEADER}
            return self._reject(runtime, 401, error.reason, str(error), challenge)
        except HTTPException as error:
            reason = error.name.lower()
            status = error.code or 400
            allow = {"Allow": "POST"} if status == 405 else {}
            detail = error.description or error.name
            return self._reject(runtime, status, reason, detail, allow)
        except ConfigurationError as error:
            # A callable gave no secret. The fault is ours: YCloud shall send it again.
            message = "Deliveries at %s cannot be verified: %s"
            log(_logger, logging.ERROR, message, self.name, error)
            detail = "The secret is not available. Send it again later."
            return self._reject(runtime, 503, "secret unavailable", detail, _LATER)
        try:
            return self._accept(runtime, delivery)
        except InboxUnavailable as error:
            message = "A delivery at %s was not stored: %s"
            log(_logger, logging.ERROR, message, self.name, error)
            detail = "It could not be stored. Send it again later."
            return self._reject(runtime, 503, "inbox unavailable", detail, _LATER)

    def _accept(self, runtime: Runtime, delivery: Delivery) -> Response:
        """Store it. From then on it is ours, and the answer is 2xx."""
        event_type = key = dead = None
        try:
            event = parse_event(delivery.body, endpoint=self.name)
            event_id, event_type, key = event.id, event.type, ordering_key(event)
        except EventNotUnderstood as error:
            event_id, dead = body_id(delivery.body), str(error)
        tracing.note(event_id=event_id, event_type=event_type or "")
        new = runtime.inbox.accept(
            event_id,
            delivery.body,
            endpoint=self.name,
            event_type=event_type,
            key=key,
            signed_at=delivery.signed_at,
            traceparent=tracing.current(),
            dead=dead,
        )
        about = {"event_id": event_id, "event_type": event_type}
        announce(
            event_accepted if new else event_duplicated,
            runtime.app,
            **about,
            endpoint=self.name,
            seconds=time.perf_counter() - delivery.started,
        )
        if new and dead:
            message = "Event %s is a dead letter: not understood, %s."
            extra = {**about, "endpoint": self.name}
            log(_logger, logging.ERROR, message, event_id, dead, **extra)
            announce(event_dead, runtime.app, **about, reason=dead)
        elif new:
            _wake(runtime, event_id)
        status = "accepted" if new else "duplicate"
        return Response(json.dumps({"status": status}), mimetype="application/json")

    def _reject(
        self,
        runtime: Runtime,
        status: int,
        reason: str,
        detail: str,
        headers: dict[str, str],
    ) -> Response:
        about = {"endpoint": self.name, "reason": reason, "status": status}
        if status < 500:  # else the log has the cause already
            message = "A delivery at %s was rejected: %s (%d)."
            log(_logger, logging.WARNING, message, self.name, reason, status, **about)
        runtime.rejections.count(self.name, reason)
        announce(delivery_rejected, runtime.app, **about)
        return _problem(status, detail, headers)


def _wake(runtime: Runtime, event_id: str) -> None:
    try:
        runtime.dispatcher.wake(event_id)
    except Exception as error:
        if runtime.app.testing:
            raise
        # It is stored, so the answer stays 2xx, and another look finds it.
        log(
            _logger,
            logging.ERROR,
            "Event %s is stored, but its handling did not start: %s",
            event_id,
            type_and_stack(error),
            event_id=event_id,
        )


_LATER = {"Retry-After": str(_RETRY_AFTER_SECONDS)}


def _problem(status: int, detail: str, headers: dict[str, str]) -> Response:
    """An error as RFC 9457 has it. It never says which secret, or what was expected."""
    problem = json.dumps({"status": status, "detail": detail})
    return Response(
        problem, status, headers=headers, content_type="application/problem+json"
    )


#: The ready-made endpoint: ``POST /ycloud/webhook``, and ``flask ycloud …``.
ycloud_bp = WebhookBlueprint("ycloud")


def _current_inbox() -> Inbox:
    return runtime_of(current_app).inbox


#: The inbox of the current app.
current_inbox: Inbox = LocalProxy(_current_inbox)  # type: ignore[assignment]
