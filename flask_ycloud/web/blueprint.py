"""The blueprint that receives deliveries by HTTP."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy
from werkzeug.routing import Rule

from .. import tracing
from ..alembic import cover_migrations
from ..cli import ycloud_cli
from ..dispatch import make_dispatcher, prepare, start_quietly
from ..errors import (
    ConfigurationError,
    InboxUnavailable,
    SignatureError,
    YCloudError,
    type_and_stack,
)
from ..handlers import Handlers, announce, delivery_rejected
from ..logs import log
from ..protocol import HEADER
from ..runtime import Endpoint, Runtime, attach, runtime_of
from ..signing_secrets import Lookup, Secrets, configured
from .accepting import accept
from .csrf import exempt_from_csrf
from .deliveries import Delivery, read_delivery
from .probes import health, ready
from .weak_secrets import refuse_at_start, strong

if TYPE_CHECKING:
    from ..inbox import Inbox
    from ..payloads import OnEvent

_logger = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 10
_LONG = float("inf")
# The view takes all methods, so that a wrong method gets an answer like any rejection.
_METHODS = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]


class WebhookBlueprint(Blueprint):
    """An endpoint that receives YCloud's deliveries at ``<url_prefix>/webhook``.

    For load balancers and orchestrators it also answers ``<url_prefix>/health`` and
    ``<url_prefix>/ready``.

    All endpoints of an app share one inbox, one worker and the settings; each has its own
    secret, its own event ids and its own :meth:`on_event`.

    With ``<tenant>`` in its path one endpoint serves many accounts of YCloud::

        WebhookBlueprint("hooks", url_prefix="/hooks/<tenant>", secrets=lookup)

    :param name: the endpoint's name, stored with its events; unique in an app.
    :param secret_key: the config key that holds its signing secret.
    :param url_prefix: the path that it is mounted under; ``/<name>`` if left out.
    :param secrets: instead of ``secret_key``, a function that returns the signing secret or
        secrets of a tenant: ``lookup(tenant, endpoint_id)``. It may be ``async``. It
        returns ``None`` for an unknown tenant, which is answered 401. If it raises, the
        answer is 503, and YCloud sends the delivery again. ``tenant`` is ``None`` if the
        path has no tenant. ``endpoint_id`` is the header ``X-Webhook-Endpoint-ID`` or
        ``None``. It is only a hint until the signature is verified.
    :param secrets_ttl: how many seconds a result of ``secrets`` is cached; 0 turns caching
        off. If a signature does not match a cached secret, ``secrets`` is called again, at
        most every five seconds.
    :raises ConfigurationError: if ``secrets`` is not a function, or ``secrets_ttl`` is not
        a number of seconds.
    """

    def __init__(
        self,
        name: str,
        *,
        secret_key: str = "YCLOUD_WEBHOOK_SECRET",  # noqa: S107  (a key, not a secret)
        url_prefix: str | None = None,
        secrets: Lookup | None = None,
        secrets_ttl: float = 0.0,
    ) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix or f"/{name}")
        self.secret_key = secret_key
        self._secrets = None if secrets is None else _looked_up(name, secrets, secrets_ttl)
        self._handlers = Handlers()
        #: Like :func:`flask_ycloud.on_event`, but only for events of this endpoint.
        self.on_event: OnEvent = self._handlers.on_event
        self.add_url_rule(
            "/webhook",
            endpoint="webhook",
            view_func=self._receive,
            methods=_METHODS,
            provide_automatic_options=False,
            strict_slashes=False,
        )
        self.add_url_rule("/health", endpoint="health", view_func=health)
        self.add_url_rule("/ready", endpoint="ready", view_func=ready)
        self.record(self._attach)
        self.url_value_preprocessor(lambda *_: exempt_from_csrf(self))

    def _attach(self, setup: BlueprintSetupState) -> None:
        """Add the runtime and the commands to the app, once, and this endpoint to both."""
        app: Flask = setup.app  # type: ignore[assignment]
        secrets = self._secrets
        if secrets is None:
            secrets = configured(app.config, self.secret_key)
            refuse_at_start(app, secrets)
        first = "ycloud" not in app.extensions
        runtime = attach(app, make_dispatcher)
        route = f"{setup.name_prefix}.{setup.name}.webhook".lstrip(".")
        runtime.add_endpoint(self.name, Endpoint(self._handlers, secrets, route))
        self._check_path(next(app.url_map.iter_rules(route)))
        if first:
            prepare(runtime)
            cover_migrations(app)
            app.cli.add_command(ycloud_cli)
            app.before_request(lambda: start_quietly(runtime))

    def _check_path(self, rule: Rule) -> None:
        path = f"The endpoint {self.name!r} has the path {rule.rule!r}."
        others = ", ".join(sorted(rule.arguments - {"tenant"}))
        if others:
            raise ConfigurationError(
                f"{path} The only variable that it may have is <tenant>; got <{others}>."
            )
        if rule.arguments and self._secrets is None:
            raise ConfigurationError(
                f"{path} It needs a signing secret for each tenant. Pass a function:"
                " secrets=lookup, which is called as lookup(tenant, endpoint_id)."
            )

    def _receive(self, tenant: object = None) -> Response:
        with tracing.accepting(self.name):
            return self._answer(None if tenant is None else str(tenant))

    def _answer(self, tenant: str | None) -> Response:
        runtime = runtime_of(current_app)
        secrets = runtime.endpoints[self.name].secrets
        try:
            are_strong = partial(strong, runtime, secrets)
            delivery = read_delivery(request, runtime.settings, secrets, tenant, are_strong)
        except SignatureError as error:
            challenge = {"WWW-Authenticate": HEADER}
            return self._reject(runtime, 401, error.reason, str(error), challenge)
        except HTTPException as error:
            reason = error.name.lower()
            status = error.code or 400
            allow = {"Allow": "POST"} if status == 405 else {}
            detail = error.description or error.name
            return self._reject(runtime, status, reason, detail, allow)
        except ConfigurationError as error:  # a callable returned no secret
            message = "Deliveries at %s cannot be verified: %s"
            return self._put_off(runtime, "secret", message, error)
        return self._store(runtime, delivery)

    def _store(self, runtime: Runtime, delivery: Delivery) -> Response:
        try:
            _ = runtime.inbox, runtime.dispatcher  # a stored event must be handled, too
        except Exception as error:
            message = "Deliveries at %s are rejected, since nothing handles them: %s"
            return self._put_off(runtime, "dispatch", message, error)
        try:
            arrival = accept(runtime, delivery, self.name)
        except InboxUnavailable as error:
            message = "A delivery at %s was not stored: %s"
            return self._put_off(runtime, "inbox", message, error)
        return Response(json.dumps({"status": arrival}), mimetype="application/json")

    def _put_off(
        self, runtime: Runtime, what: str, message: str, error: Exception
    ) -> Response:
        """Answer 503, since the fault is in the app: YCloud sends the delivery again."""
        reason = f"{what} unavailable"
        text = _text_of(error)
        runtime.log_limit.log(
            (self.name, reason),
            lambda end: log(_logger, logging.ERROR, message + "%s", self.name, text, end),
        )
        detail = f"The {what} is not available. Send the delivery again later."
        return self._reject(runtime, 503, reason, detail, _LATER)

    def _reject(
        self,
        runtime: Runtime,
        status: int,
        reason: str,
        detail: str,
        headers: dict[str, str],
    ) -> Response:
        about = {"endpoint": self.name, "reason": reason, "status": status}
        if status < 500:  # for a 503 the log has the cause already
            message = "A delivery at %s was rejected: %s (%d).%s"
            args = self.name, reason, status
            runtime.log_limit.log(
                (self.name, reason),
                lambda end: log(_logger, logging.WARNING, message, *args, end, **about),
            )
        runtime.rejections.count(self.name, reason)
        announce(delivery_rejected, runtime.app, **about)
        return _problem(status, detail, headers)


def _looked_up(name: str, lookup: Lookup, ttl: float) -> Secrets:
    what = f"The function secrets= of endpoint {name!r}"
    if not callable(lookup):
        raise ConfigurationError(
            f"WebhookBlueprint({name!r}, secrets=…) takes a function that is called as"
            f" lookup(tenant, endpoint_id); got a {type(lookup).__name__}."
        )
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0 <= ttl < _LONG:
        raise ConfigurationError(
            f"WebhookBlueprint({name!r}, secrets_ttl={ttl!r}): expected seconds, 0 or more."
        )
    return Secrets(lookup, ttl=ttl, what=what)


def _text_of(error: Exception) -> str:
    return str(error) if isinstance(error, YCloudError) else type_and_stack(error)


_LATER = {"Retry-After": str(_RETRY_AFTER_SECONDS)}


def _problem(status: int, detail: str, headers: dict[str, str]) -> Response:
    """Return an error as in RFC 9457. It never contains a secret or an expected value."""
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
