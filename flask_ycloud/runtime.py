"""What one app has of flask-ycloud: its settings, its inbox, its endpoints."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.routing import Rule

from .errors import ConfigurationError
from .handlers import Handlers, everywhere
from .inbox import Database, Identity, Inbox, Rejections, open_engine
from .settings import Settings
from .signing_secrets import Secrets

if TYPE_CHECKING:
    from flask import Flask

_EXTENSION = "ycloud"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of an app: its handlers, and its signing secrets."""

    handlers: Handlers
    secrets: Secrets = field(repr=False)


class Dispatcher(Protocol):
    """Decides who handles the events of the inbox, and when."""

    def start(self) -> None:
        """Called before each request, so in each process that serves."""

    def wake(self, event: Identity) -> None:
        """An event is due now: it was accepted, or replayed."""

    def stop(self) -> None:
        """Let running handlers finish, and start no more."""


class Runtime:
    """The state of one app, at ``app.extensions["ycloud"]``.

    Inbox and dispatcher are made at their first use: only then is ``app.testing`` what
    it will be, and the process the one that serves.
    """

    def __init__(
        self, app: Flask, make_dispatcher: Callable[[Runtime], Dispatcher]
    ) -> None:
        self.app = app
        self.settings = Settings.from_config(app.config)
        where = self.settings.inbox_url
        self._engine = None if where is None else open_engine(where, app.instance_path)
        self.endpoints: dict[str, Endpoint] = {}
        self.rejections = Rejections(lambda: self.inbox)
        self._make_dispatcher = make_dispatcher
        self._lock = threading.RLock()
        self._inbox: Inbox | None = None
        self._dispatcher: Dispatcher | None = None

    @property
    def inbox(self) -> Inbox:
        with self._lock:
            if self._inbox is None:
                self._inbox = self._open_inbox()
            return self._inbox

    @property
    def dispatcher(self) -> Dispatcher:
        with self._lock:
            if self._dispatcher is None:
                self._dispatcher = self._make_dispatcher(self)
            return self._dispatcher

    @property
    def dispatch(self) -> str | Callable[[Runtime], Dispatcher]:
        """``YCLOUD_DISPATCH``, or what it is when it is left out."""
        return self.settings.dispatch or ("inline" if self.app.testing else "worker")

    def add_endpoint(self, name: str, endpoint: Endpoint) -> None:
        """Know an endpoint by its name.

        :raises ConfigurationError: if another endpoint of this app has that name.
        """
        known = self.endpoints.setdefault(name, endpoint)
        if known.handlers is not endpoint.handlers:
            raise ConfigurationError(
                f"This app has two WebhookBlueprints named {name!r}. Events are stored with"
                " the name of their endpoint: give each its own."
            )

    def endpoint_named(self, name: str | None) -> str:
        """The name of an endpoint; of the first one if none is given.

        :raises ConfigurationError: if there is none of that name.
        """
        if name is not None and name not in self.endpoints:
            raise ConfigurationError(
                f"No endpoint {name!r}; there is {', '.join(self.endpoints)}."
            )
        return next(iter(self.endpoints)) if name is None else name

    def path_of(self, endpoint: str, tenant: str | None = None) -> str:
        """The path of an endpoint, wherever its blueprint is mounted.

        :param tenant: whose, where the endpoint serves many.
        :raises ConfigurationError: if the endpoint serves many and none is given, if it
            serves one and some is given, or if the path cannot have that one.
        """
        rule = self.rule_of(endpoint)
        if self.serves_many(endpoint) != (tenant is not None):
            raise ConfigurationError(
                f"The endpoint {endpoint!r} has the path {rule.rule!r}: "
                + (
                    "it serves one account, and takes no tenant."
                    if tenant
                    else "say which tenant, with tenant= or --tenant."
                )
            )
        urls = self.app.url_map.bind("localhost")
        try:
            return urls.build(rule.endpoint, {} if tenant is None else {"tenant": tenant})
        except ValueError:  # of its converter, such as int
            raise ConfigurationError(
                f"The path {rule.rule!r} can have no tenant {tenant!r}."
            ) from None

    def serves_many(self, endpoint: str) -> bool:
        """Whether an endpoint has tenants: ``<tenant>`` is in its path."""
        return "tenant" in self.rule_of(endpoint).arguments

    def rule_of(self, endpoint: str) -> Rule:
        """The rule of an endpoint's route."""
        tail = f".{endpoint}.webhook"
        rules = self.app.url_map.iter_rules()
        return next(rule for rule in rules if f".{rule.endpoint}".endswith(tail))

    def scopes(self, endpoint: str) -> list[Handlers]:
        """The subscriptions to an endpoint: those to every endpoint, and its own."""
        own = self.endpoints.get(endpoint)
        return [everywhere] if own is None else [everywhere, own.handlers]

    def _open_inbox(self) -> Inbox:
        engine = self._engine or open_engine("sqlite:///ycloud.db", self._default_folder())
        shared = engine is self.settings.inbox_url
        return Inbox(
            Database(engine, owned=not shared),
            lease=self.settings.lease_seconds,
            retention_days=self.settings.retention_days,
            on_due=lambda event: self.dispatcher.wake(event),
            endpoints=lambda: list(self.endpoints),
            serves_many=self.serves_many,
        )

    def _default_folder(self) -> Path:
        if not self.app.testing:
            return Path(self.app.instance_path)
        folder = tempfile.mkdtemp(prefix="ycloud-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)


def attach(app: Flask, make_dispatcher: Callable[[Runtime], Dispatcher]) -> Runtime:
    """The app's runtime, made if it has none yet."""
    runtime: Any = app.extensions.get(_EXTENSION)
    if runtime is None:
        runtime = app.extensions[_EXTENSION] = Runtime(app, make_dispatcher)
    return runtime  # type: ignore[no-any-return]


def runtime_of(app: Flask) -> Runtime:
    """The app's runtime.

    :raises ConfigurationError: if no endpoint is registered on it.
    """
    runtime = app.extensions.get(_EXTENSION)
    if not isinstance(runtime, Runtime):
        raise ConfigurationError(
            f"The app {app.name!r} has no YCloud endpoint, and so no inbox. Register one:"
            " app.register_blueprint(ycloud_bp)."
        )
    return runtime
