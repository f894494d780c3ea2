"""HTTP in, HTTP out: the blueprint that receives deliveries."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Request, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    LengthRequired,
    MethodNotAllowed,
    RequestEntityTooLarge,
)
from werkzeug.local import LocalProxy
from werkzeug.wsgi import get_input_stream

from .cli import ycloud_cli
from .dispatch import make_dispatcher, prepare
from .errors import (
    ConfigurationError,
    EventNotUnderstood,
    InboxUnavailable,
    SignatureError,
    type_and_stack,
)
from .event import body_id, ordering_key, parse_event
from .handlers import Handlers
from .inbox import Inbox
from .runtime import Endpoint, Runtime, attach, runtime_of
from .settings import secrets_of
from .signals import (
    announce,
    delivery_rejected,
    event_accepted,
    event_dead,
    event_duplicated,
)
from .signature import HEADER, Signature, verify

if TYPE_CHECKING:
    from .payloads import OnEvent

_logger = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 10
_MOST_DIGITS = 18  # int() refuses thousands of them with an error of its own
# All of them come here, so that a wrong one gets an answer of ours.
_METHODS = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]


class WebhookBlueprint(Blueprint):
    """An endpoint that receives YCloud's deliveries at ``<url_prefix>/webhook``.

    All endpoints of an app share one inbox, one worker and the settings; each has its
    own secret and its own :meth:`on_event`. An event id that is known is a duplicate at
    whichever endpoint it comes again.

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
        #: Like :func:`flask_ycloud.on_event`, but hears only what arrives at this endpoint.
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
        self.url_value_preprocessor(self._exempt_from_csrf)

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

    def _exempt_from_csrf(self, *_: object) -> None:
        """Flask-WTF asks for a token in every POST. Ours carry a signature instead.

        Done at the request, since the app may set CSRFProtect up after this blueprint.
        """
        csrf: Any = current_app.extensions.get("csrf")
        if hasattr(csrf, "exempt"):
            csrf.exempt(self)

    def _receive(self) -> Response:
        runtime = runtime_of(current_app)
        try:
            body, signature = _authentic_body(runtime, runtime.endpoints[self.name].secrets)
        except SignatureError as error:
            challenge = {"WWW-Authenticate": HEADER}
            return self._refuse(runtime, 401, error.reason, str(error), challenge)
        except HTTPException as error:
            reason = error.name.lower()
            status = error.code or 400
            allow = {"Allow": "POST"} if status == 405 else {}
            detail = error.description or error.name
            return self._refuse(runtime, status, reason, detail, allow)
        except ConfigurationError as error:
            # A callable gave no secret. Ours to mend: YCloud shall send it again.
            _logger.error("Deliveries at %s cannot be verified: %s", self.name, error)
            return _problem(
                503, "The secret is not available. Send it again later.", _LATER
            )
        try:
            return self._accept(runtime, body, signature.timestamp)
        except InboxUnavailable as error:
            _logger.error("A delivery at %s was not stored: %s", self.name, error)
            return _problem(503, "It could not be stored. Send it again later.", _LATER)

    def _accept(self, runtime: Runtime, body: bytes, signed_at: int) -> Response:
        """Store it. From then on it is ours, and the answer is 2xx."""
        try:
            event = parse_event(body, endpoint=self.name)
        except EventNotUnderstood as error:
            return self._accept_as_dead(runtime, body, signed_at, str(error))
        new = runtime.inbox.accept(
            event.id,
            body,
            endpoint=self.name,
            event_type=event.type,
            key=ordering_key(event),
            signed_at=signed_at,
        )
        self._announce(runtime, new, event.id, event.type)
        if new:
            _wake(runtime, event.id)
        return _answer(new)

    def _accept_as_dead(
        self, runtime: Runtime, body: bytes, signed_at: int, reason: str
    ) -> Response:
        event_id = body_id(body)
        new = runtime.inbox.accept(
            event_id,
            body,
            endpoint=self.name,
            event_type=None,
            signed_at=signed_at,
            dead=reason,
        )
        self._announce(runtime, new, event_id, None)
        if new:
            _logger.error(
                "Event %s is a dead letter: not understood, %s.", event_id, reason
            )
            announce(
                event_dead, runtime.app, event_id=event_id, event_type=None, reason=reason
            )
        return _answer(new)

    def _announce(
        self, runtime: Runtime, new: bool, event_id: str, event_type: str | None
    ) -> None:
        announce(
            event_accepted if new else event_duplicated,
            runtime.app,
            event_id=event_id,
            event_type=event_type,
            endpoint=self.name,
        )

    def _refuse(
        self,
        runtime: Runtime,
        status: int,
        reason: str,
        detail: str,
        headers: dict[str, str],
    ) -> Response:
        _logger.warning("A delivery at %s was refused: %s (%d).", self.name, reason, status)
        announce(
            delivery_rejected,
            runtime.app,
            endpoint=self.name,
            reason=reason,
            status=status,
        )
        return _problem(status, detail, headers)


def _authentic_body(
    runtime: Runtime, secrets: Callable[[], tuple[str | bytes, ...]]
) -> tuple[bytes, Signature]:
    if request.method != "POST":
        raise MethodNotAllowed(["POST"], "This URL takes the POSTs of YCloud's webhooks.")
    body = _read_body(request, runtime.settings.max_body_bytes)
    header = request.headers.get(HEADER)
    return body, verify(body, header, secrets(), tolerance=runtime.settings.tolerance)


def _read_body(request: Request, limit: int) -> bytes:
    """The raw bytes, never more than the limit of them.

    :raises HTTPException: 411 without a length, 400 with one that is wrong, 413 above
        the limit.
    """
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    length = request.headers.get("Content-Length")
    if length is None and not (chunked and request.environ.get("wsgi.input_terminated")):
        raise LengthRequired("The delivery has no Content-Length.")
    if length is not None and (chunked or not (length.isascii() and length.isdigit())):
        raise BadRequest("The delivery's Content-Length is no length, or not the only one.")
    if length is not None and (len(length) > _MOST_DIGITS or int(length) > limit):
        raise RequestEntityTooLarge
    # Not the app's own MAX_CONTENT_LENGTH, which is there for uploads. A hook that read
    # the body before us has left it in the request. One byte more than the limit, for
    # of a chunked body werkzeug gives what is within and does not say that there is more.
    if "stream" not in vars(request):
        vars(request)["stream"] = get_input_stream(
            request.environ, max_content_length=limit + 1
        )
    body = request.get_data()
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body


def _wake(runtime: Runtime, event_id: str) -> None:
    try:
        runtime.dispatcher.wake(event_id)
    except Exception as error:
        if runtime.app.testing:
            raise
        # It is stored, so the answer stays 2xx, and another look finds it.
        _logger.error(
            "Event %s is stored, but its handling did not start: %s",
            event_id,
            type_and_stack(error),
        )


_LATER = {"Retry-After": str(_RETRY_AFTER_SECONDS)}


def _answer(new: bool) -> Response:
    status = "accepted" if new else "duplicate"
    return Response(json.dumps({"status": status}), mimetype="application/json")


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
