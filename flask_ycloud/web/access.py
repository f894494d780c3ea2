"""Access to the pages of this package: closed by default."""

from __future__ import annotations

import inspect
import logging
import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response as Answer

from ..errors import ConfigurationError
from ..handlers import wait_for
from ..inbox import WRONG_PASSWORD
from ..logs import log
from ..runtime import Runtime, runtime_of
from .local import is_local
from .passwords import PasswordBrake
from .verdicts import NoVerdict, Right, verdict_of

_logger = logging.getLogger(__name__)

_EXTENSION = "ycloud_access"
_PASSED = "flask_ycloud.passed"
_RIGHT = "flask_ycloud.right"  # a key in the environ of each request
_ONE_WARNING_IN_SECONDS = 60.0
_LOOKING = frozenset(("GET", "HEAD", "OPTIONS"))

_CLOSED = """\
This page is closed. Open it in one of these ways:

- app.register_blueprint({name}_bp, access=function), where the function returns True if the
  request may pass, "read" if it may only look, or a response (such as a redirect);
- app.config["YCLOUD_INSPECTOR_PASSWORD"] = "…": the browser asks for it. Any user name is
  accepted;
- in debug mode (flask run --debug) it is open to this machine, but not through a proxy or
  a tunnel.
"""

Access = Callable[[], Any]


@dataclass(frozen=True)
class _Registration:
    """A registration of a blueprint in an app."""

    blueprint: GuardedBlueprint
    access: Access | None
    actor: Access | None


@dataclass(frozen=True)
class _Doors:
    """The state of one app: its registrations by full name, and its password brake."""

    by_name: dict[str, _Registration] = field(default_factory=dict)
    brake: PasswordBrake = field(default_factory=PasswordBrake)


class GuardedBlueprint(Blueprint):
    """A blueprint that checks the access of each request.

    Either the function ``access`` decides. It is called for each request, and may be
    ``async``. It returns:

    * ``True``: the request passes.
    * ``"read"``: the request may only look and search. Any other request except GET, HEAD
      and OPTIONS is a 403.
    * ``False`` or ``None``: a 403.
    * What Flask accepts as a response (a text, a tuple, a dict, a response such as a
      redirect): it is sent.
    * Anything else, even if it is true: a 403 and an error in the log.

    Or the password in ``YCLOUD_INSPECTOR_PASSWORD`` decides. With neither, the pages are
    only open to the machine itself, in debug mode, and not through a proxy or a tunnel.

    ``access`` and ``actor`` may also be passed at each registration:
    ``app.register_blueprint(inspector_bp, access=…)``.

    :param name: the blueprint's name; unique in an app.
    :param access: a function that decides about each request.
    :param actor: a function that returns the name of the user, for the log of actions. If
        it is left out, the name is the user name of HTTP's basic authentication.
    :param url_prefix: the path that the blueprint is mounted under.
    :raises ConfigurationError: if ``access`` or ``actor`` is not a function.
    """

    #: Defaults of the constructor's arguments, and more arguments for Flask's Blueprint.
    defaults: ClassVar[dict[str, str]] = {}

    #: The names of views that only look, although they take a POST.
    looking: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        name: str | None = None,
        *,
        access: Access | None = None,
        actor: Access | None = None,
        url_prefix: str | None = None,
    ) -> None:
        options: dict[str, Any] = {**self.defaults, "import_name": type(self).__module__}
        if name is not None:
            options["name"] = name
        if url_prefix is not None:
            options["url_prefix"] = url_prefix
        super().__init__(**options)
        self._functions = {"access": access, "actor": actor}
        self.record(self._attach)
        self.before_request(self._guard)
        self.add_pages()

    @abstractmethod
    def add_pages(self) -> None:
        """Add the pages. A view that acts must take a POST, not a GET."""

    def _attach(self, setup: BlueprintSetupState) -> None:
        found = {
            name: setup.options.get(name, own) for name, own in self._functions.items()
        }
        full_name = f"{setup.name_prefix}.{setup.name}".lstrip(".")
        for name, function in found.items():
            if function is not None and not callable(function):
                raise ConfigurationError(
                    f"The blueprint {full_name!r} has {name}={type(function).__name__}. It"
                    " takes a function without arguments that is called for each request."
                )
        _doors_of(setup.app).by_name[full_name] = _Registration(self, **found)

    def _guard(self) -> Answer | None:
        """Decide whether the request passes, and whether it may act."""
        request.environ[_PASSED] = False
        name, own = _registered(self)
        runtime = runtime_of(current_app)
        password = runtime.settings.inspector_password
        if own.access is not None:
            verdict = _asked(runtime, name, own.access)
        elif password is not None:
            verdict = _by_password(runtime, name, password)
        else:
            verdict = "all" if is_local(runtime.app, request) else None
            if verdict is None:
                return _text(403, _CLOSED.format(name=self.name))
        if isinstance(verdict, Answer):
            return verdict
        if verdict is None:
            return _text(403, "You may not see this page.\n")
        # Inside another guarded blueprint the lesser right applies.
        if request.environ.get(_RIGHT) != "read":
            request.environ[_RIGHT] = verdict
        looks = request.method in _LOOKING or name_of_view() in self.looking
        if not may_act() and not looks:
            return _text(403, "You may look at these pages, but not change anything.\n")
        request.environ[_PASSED] = True
        return None


def name_of_view() -> str:
    """Return the name of the requested view, without the name of its blueprint."""
    return (request.endpoint or "").rpartition(".")[2]


def may_act() -> bool:
    """Whether the current request may do more than look."""
    return request.environ.get(_RIGHT) == "all"


def has_passed() -> bool:
    """Whether the current request has passed: not while ``access`` is still running."""
    return bool(request.environ.get(_PASSED))


def actor_name() -> str:
    """Return who makes the current request, for the log: by ``actor=``, or the user name.

    Without both the name is empty.
    """
    _, own = _registered()
    name = own.actor() if own.actor is not None else None
    if inspect.isawaitable(name):
        name = wait_for(name)
    if name:
        return str(name)
    given = request.authorization
    return (given.username if given is not None else None) or ""


def _doors_of(app: Any) -> _Doors:
    return cast(_Doors, app.extensions.setdefault(_EXTENSION, _Doors()))


def _registered(blueprint: GuardedBlueprint | None = None) -> tuple[str, _Registration]:
    """Return the innermost registration for the request, with its full name."""
    by_name = _doors_of(current_app).by_name
    return next(
        (name, by_name[name])
        for name in request.blueprints
        if name in by_name and blueprint in (None, by_name[name].blueprint)
    )


def _asked(runtime: Runtime, name: str, access: Access) -> Right | Answer | None:
    returned = access()
    try:
        return verdict_of(returned)
    except NoVerdict as error:
        kind = str(error)
    message = (
        "access= of the blueprint %s returned a %s, so the page is closed. It may return"
        ' True, "read", False, None, or a response.%s'
    )
    runtime.log_limit.log(
        ("access", name, kind),
        lambda end: log(_logger, logging.ERROR, message, name, kind, end),
    )
    return None


def _by_password(runtime: Runtime, name: str, password: str) -> Right | Answer:
    given = request.authorization
    said = given.password if given is not None and given.type == "basic" else None
    challenge = {"WWW-Authenticate": 'Basic realm="YCloud", charset="UTF-8"'}
    wrong = _text(401, "The password is YCLOUD_INSPECTOR_PASSWORD.\n", challenge)
    if said is None:
        return wrong
    attempt = _doors_of(runtime.app).brake.check(request.remote_addr, said, password)
    if attempt.right:
        return "all"
    runtime.rejections.count(name, WRONG_PASSWORD)
    message = "A wrong password for YCLOUD_INSPECTOR_PASSWORD was given, at the %s page.%s"
    runtime.log_limit.log(
        ("password", name),
        lambda end: log(_logger, logging.WARNING, message, name, end),
        _ONE_WARNING_IN_SECONDS,
    )
    if not attempt.wait:
        return wrong
    wait = math.ceil(attempt.wait)
    text = f"Too many wrong passwords came from your address. Try again in {wait} s.\n"
    return _text(429, text, {"Retry-After": str(wait)})


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers=headers, mimetype="text/plain")
