"""The state of one app: its settings, its inbox, its endpoints."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.routing import Rule

from .environment import Unread, overridden, unread, warn
from .errors import ConfigurationError
from .forks import tell_child
from .handlers import Handlers, everywhere, note_app, type_and_place
from .logs import LogLimit
from .settings import KEYS, Settings
from .signing_secrets import Secrets

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.engine import Engine

    from .inbox import Identity, Inbox, Rejections

_EXTENSION = "ycloud"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of an app: its handlers, its signing secrets, and its name in Flask.

    Its blueprint may be registered under another name, or inside other blueprints.
    """

    handlers: Handlers
    secrets: Secrets = field(repr=False)
    route: str


class Dispatcher(Protocol):
    """Decides where and when the events of the inbox are handled."""

    def start(self) -> None:
        """Called before each request, and so in each process that serves."""

    def wake(self, event: Identity) -> None:
        """An event is due now: it was accepted, or replayed."""

    def stop(self) -> None:
        """Start no more handlers, and let the running ones finish."""


class Runtime:
    """The state of one app, at ``app.extensions["ycloud"]``.

    Inbox and dispatcher are created at their first use. Before that, ``app.testing`` may
    still change, and the process may still fork.
    """

    #: Whether a retry is made exactly after its delay, for tests. Otherwise a random part
    #: is added.
    exact_delays = False

    #: The folder of the scratch store, if the inbox is a scratch store.
    scratch: Path | None = None

    def __init__(
        self, app: Flask, make_dispatcher: Callable[[Runtime], Dispatcher]
    ) -> None:
        self.app = app
        self.settings = Settings.from_config(app.config)
        self._config = dict(app.config)  # later changes have no effect
        self._engine: Engine | None = None
        where = self.settings.inbox_url
        if where is not None and not callable(where):
            from .inbox import open_engine  # imported here, since it needs SQLAlchemy

            self._engine = open_engine(where, app.instance_path)
        self.endpoints: dict[str, Endpoint] = {}
        self.log_limit = LogLimit()  # for what anybody can cause at any rate
        self._make_dispatcher = make_dispatcher
        self.after_fork()
        tell_child(self)
        self._inbox: Inbox | None = None
        self._rejections: Rejections | None = None
        self._dispatcher: Dispatcher | None = None
        self._told: set[str] = set()

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent may have held."""
        self._lock = threading.RLock()

    @property
    def inbox(self) -> Inbox:
        with self._lock:
            if self._inbox is None:
                self._inbox = self._open_inbox()
            return self._inbox

    @property
    def rejections(self) -> Rejections:
        """The counts of deliveries that were rejected."""
        with self._lock:
            if self._rejections is None:
                from .inbox import Rejections

                self._rejections = Rejections(lambda: self.inbox)
            return self._rejections

    @property
    def dispatcher(self) -> Dispatcher:
        with self._lock:
            if self._dispatcher is None:
                self._dispatcher = self._make_dispatcher(self)
            return self._dispatcher

    @property
    def dispatch(self) -> str | Callable[[Runtime], Dispatcher]:
        """``YCLOUD_DISPATCH``, or its default."""
        return self.settings.dispatch or ("inline" if self.app.testing else "worker")

    def dispatch_with(self, make_dispatcher: Callable[[Runtime], Dispatcher]) -> None:
        """Use another dispatcher from now on, in this process only."""
        with self._lock:
            earlier, self._dispatcher = self._dispatcher, None
            self._make_dispatcher = make_dispatcher
        if earlier is not None:
            earlier.stop()

    def add_endpoint(self, name: str, endpoint: Endpoint) -> None:
        """Add an endpoint under its name.

        :raises ConfigurationError: if another endpoint of this app has that name.
        """
        known = self.endpoints.setdefault(name, endpoint)
        if known.handlers is not endpoint.handlers:
            raise ConfigurationError(
                f"This app has two WebhookBlueprints named {name!r}. Events are stored with"
                " the name of their endpoint: give each blueprint its own name."
            )

    def endpoint_named(self, name: str | None) -> str:
        """The name of an endpoint; of the first one if ``name`` is ``None``.

        :raises ConfigurationError: if there is no endpoint with that name.
        """
        if name is not None and name not in self.endpoints:
            raise ConfigurationError(
                f"No endpoint {name!r}; there is {', '.join(self.endpoints)}."
            )
        return next(iter(self.endpoints)) if name is None else name

    def path_of(self, endpoint: str, tenant: str | None = None) -> str:
        """The path of an endpoint, wherever its blueprint is mounted.

        The arguments and errors are those of :meth:`location_of`.
        """
        return self.location_of(endpoint, tenant)[1]

    def location_of(self, endpoint: str, tenant: str | None = None) -> tuple[str, str]:
        """The subdomain of an endpoint, which may be empty, and its path.

        :param tenant: the tenant, if the endpoint has tenants.
        :raises ConfigurationError: if the endpoint has tenants and none is given, if it has
            none and one is given, or if the path cannot have this tenant.
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
        location = None
        with suppress(ValueError):  # of its converter, such as int
            location = rule.build({} if tenant is None else {"tenant": tenant})
        if location is None:
            raise ConfigurationError(
                f"The path {rule.rule!r} cannot have the tenant {tenant!r}."
            )
        return location

    def serves_many(self, endpoint: str) -> bool:
        """Whether an endpoint has tenants: ``<tenant>`` is in its path."""
        return "tenant" in self.rule_of(endpoint).arguments

    def rule_of(self, endpoint: str) -> Rule:
        """The rule of an endpoint's route."""
        return next(self.app.url_map.iter_rules(self.endpoints[endpoint].route))

    def scopes(self, endpoint: str) -> list[Handlers]:
        """The subscriptions to an endpoint: those to every endpoint, and its own."""
        own = self.endpoints.get(endpoint)
        return [everywhere] if own is None else [everywhere, own.handlers]

    def unread(self, *, also_overridden: bool = False) -> list[Unread]:
        """The names in the environment and the config that have no effect on this app."""
        every = self.endpoints.values()
        keys = KEYS | {each.secrets.key for each in every if each.secrets.key is not None}
        found = list(unread(self._config, keys))
        return found + list(overridden(self._config, keys)) if also_overridden else found

    def once(self, what: str) -> bool:
        """Whether this is the first call with this text."""
        with self._lock:
            first = what not in self._told
            self._told.add(what)
            return first

    def _open_inbox(self) -> Inbox:
        from .inbox import Cipher, Database, Inbox, open_engine

        if self.once("unread"):  # by now all endpoints are registered
            warn(self.unread())
        engine, where = self._engine, self.settings.inbox_url
        if callable(where):
            where = _answer_of(where, self.app)
            engine = open_engine(where, self.app.instance_path)
        engine = engine or open_engine("sqlite:///ycloud.db", self._default_folder())
        return Inbox(
            Database(engine, owned=engine is not where),
            lease=self.settings.lease_seconds,
            retention_days=self.settings.retention_days,
            dead_retention_days=self.settings.dead_retention_days,
            body_retention_days=self.settings.body_retention_days,
            known_seconds=self.settings.known_seconds,
            cipher=Cipher(self.settings.body_keys),
            on_due=lambda event: self.dispatcher.wake(event),
            endpoints=lambda: list(self.endpoints),
            serves_many=self.serves_many,
        )

    def _default_folder(self) -> Path:
        if not self.app.testing:
            return Path(self.app.instance_path)
        folder = tempfile.mkdtemp(prefix="ycloud-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.scratch = Path(folder)
        return self.scratch


def _answer_of(function: Callable[[], Any], app: Flask) -> Any:
    """What a function in ``YCLOUD_INBOX_URL`` returns.

    :raises ConfigurationError: if it raises.
    """
    try:
        with app.app_context():
            return function()
    except Exception as error:  # without its text, which may quote a URL
        frames = [frame for frame, _ in walk_tb(error.__traceback__)]
        raised = type(error).__name__  # without a place, if the call itself failed
        if len(frames) > 1:
            raised = type_and_place(error, function)
        advice = ""
        if any(
            "flask_sqlalchemy" in Path(each.f_code.co_filename).parts for each in frames
        ):
            advice = " Call db.init_app(app) where the app is created."
        raise ConfigurationError(
            f"YCLOUD_INBOX_URL is a function, and it raised {raised}. It is called in an"
            f" app context, when the inbox is first used, and takes no argument.{advice}"
        ) from error


def attach(app: Flask, make_dispatcher: Callable[[Runtime], Dispatcher]) -> Runtime:
    """The app's runtime, which is created if it does not exist."""
    runtime: Any = app.extensions.get(_EXTENSION)
    if runtime is None:
        runtime = app.extensions[_EXTENSION] = Runtime(app, make_dispatcher)
        note_app()
    return runtime  # type: ignore[no-any-return]


def runtime_of(app: Flask) -> Runtime:
    """The app's runtime.

    :raises ConfigurationError: if no endpoint is registered on it.
    """
    runtime = app.extensions.get(_EXTENSION)
    if not isinstance(runtime, Runtime):
        raise ConfigurationError(
            f"The app {app.name!r} has no YCloud endpoint, so there is no inbox. Register"
            " one: app.register_blueprint(ycloud_bp)."
        )
    return runtime
