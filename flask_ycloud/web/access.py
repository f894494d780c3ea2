"""Who may see what this package shows of the inbox: pages that are closed by default."""

from __future__ import annotations

import hmac
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from flask import Blueprint, Flask, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response as Answer

from ..runtime import runtime_of

_LOOPBACK = {"127.0.0.1", "::1"}
_LOCAL_NAMES = {"127.0.0.1", "[::1]", "localhost"}

_CLOSED = """\
This page is closed. Open it in one of these ways:

- app.register_blueprint({name}_bp, access=function), where the function says whether the
  request may pass, or answers it itself (with a redirect to a login, say);
- app.config["YCLOUD_INSPECTOR_PASSWORD"] = "…": the browser asks for it, with any name;
- in debug mode (flask run --debug) it is open to this machine.
"""


class GuardedBlueprint(Blueprint):
    """A blueprint whose requests must pass.

    Either by ``access``, a function that is called for each request: if it gives something
    false, the answer is 403; a response is sent as it is; anything else lets it pass. Or by
    the password in ``YCLOUD_INSPECTOR_PASSWORD``. With neither, the pages are there for
    the machine itself alone, and only in debug mode.

    ``access`` may also be given when it is registered:
    ``app.register_blueprint(inspector_bp, access=…)``.

    :param name: the blueprint's name; unique in an app.
    :param access: a function that says whether a request may pass.
    :param url_prefix: the path it is mounted under.
    """

    #: What the constructor takes where nothing is given, and more for Flask's own.
    defaults: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        name: str | None = None,
        *,
        access: Access | None = None,
        url_prefix: str | None = None,
    ) -> None:
        options: dict[str, Any] = {**self.defaults, "import_name": type(self).__module__}
        if name is not None:
            options["name"] = name
        if url_prefix is not None:
            options["url_prefix"] = url_prefix
        super().__init__(**options)
        self._access = access
        self.record(self._attach)
        self.before_request(self._guard)
        self.add_pages()

    @abstractmethod
    def add_pages(self) -> None:
        """Add what this blueprint shows."""

    def _attach(self, setup: BlueprintSetupState) -> None:
        given = setup.options.get("access", self._access)
        setup.app.extensions.setdefault("ycloud_access", {})[self.name] = given

    def _guard(self) -> Any:
        app: Flask = current_app
        access: Access | None = app.extensions["ycloud_access"][self.name]
        password = runtime_of(app).settings.inspector_password
        if access is not None:
            verdict = access()
            if isinstance(verdict, Answer):
                return verdict
            return None if verdict else _text(403, "You may not see this page.\n")
        if password is not None:
            given = request.authorization
            said = given.password if given is not None and given.type == "basic" else None
            if hmac.compare_digest((said or "").encode(), password.encode()):
                return None
            challenge = {"WWW-Authenticate": 'Basic realm="YCloud", charset="UTF-8"'}
            return _text(401, "The password is YCLOUD_INSPECTOR_PASSWORD.\n", challenge)
        # By a name of its own no other page can reach it through the user's browser.
        name = request.host.rsplit(":", 1)[0] if request.host != "[::1]" else request.host
        if app.debug and request.remote_addr in _LOOPBACK and name in _LOCAL_NAMES:
            return None
        return _text(403, _CLOSED.format(name=self.name))


Access = Callable[[], Any]


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers=headers, mimetype="text/plain")
