"""A fake of YCloud's Webhook Endpoints API."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .accounts import Account, Refused
from .fake import FakeYCloud

if TYPE_CHECKING:
    from typing_extensions import Self

_PATH = "/v2/webhookEndpoints"
_ONE = f"{_PATH}/<endpoint_id>"
_POLL_SECONDS = 0.02

_Operation = Callable[..., dict[str, Any]]

_OPERATIONS: tuple[tuple[str, str, _Operation], ...] = (
    ("GET", _PATH, lambda account: account.page(request.args)),
    ("POST", _PATH, lambda account: account.create(request.get_json())),
    ("GET", _ONE, Account.retrieve),
    ("PATCH", _ONE, lambda account, **one: account.update(**one, body=request.get_json())),
    ("DELETE", _ONE, Account.delete),
    ("POST", f"{_ONE}/rotateSecret", Account.rotate),
)


class FakeYCloudAPI:
    """A fake of YCloud's Webhook Endpoints API, over HTTP on a free port of this machine.

    ::

        with FakeYCloudAPI("key of acme", "key of beta") as api:
            app.config["YCLOUD_API_URL"] = api.url

    It has the six operations: list, create, retrieve, update, delete, and rotate the
    secret. It refuses what YCloud documents as refused: an unknown API key, a URL of more
    than 500 characters, a description of more than 400, a 21st endpoint of an account,
    ``contact.attributes_changed`` without properties, and fields that are not documented.
    Errors have the documented form, with a request id. Not all error codes are documented.

    It differs from YCloud in two ways: it accepts URLs of this machine, and event types
    that are not documented.

    It keeps endpoints in memory. It does not deliver events: see :meth:`sender`.

    :param api_keys: one for each account.
    """

    def __init__(self, *api_keys: str) -> None:
        #: The accounts, by their API keys.
        self.accounts: dict[str, Account] = {}
        #: The Flask app that answers. Tests may add routes to it.
        self.app = _make_app(self)
        self._lock = threading.Lock()
        self._server: BaseWSGIServer | None = None
        for api_key in api_keys:
            self.add_account(api_key)

    def __enter__(self) -> Self:
        self._server = make_server(
            "127.0.0.1", 0, self.app, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        """The value for ``YCLOUD_API_URL``, such as ``http://127.0.0.1:49152/v2``.

        :raises RuntimeError: if the API is not running.
        """
        if self._server is None:
            raise RuntimeError(
                "FakeYCloudAPI is not running, so it has no URL. Start it: with"
                " FakeYCloudAPI(…) as api."
            )
        return f"http://127.0.0.1:{self._server.server_port}/v2"

    def add_account(self, api_key: str) -> None:
        """Add an account without endpoints.

        :param api_key: the ``X-API-Key`` of its calls.
        """
        self.accounts[api_key] = Account()

    def endpoints(self, api_key: str) -> dict[str, dict[str, Any]]:
        """The endpoints of an account by their ids, each as the API returns it.

        A test may change them, such as ``["status"] = "pending"``.

        :param api_key: the account's.
        :raises KeyError: if no account has that API key.
        """
        return self.accounts[api_key].endpoints

    def sender(
        self, endpoint_id: str, *, app: Flask | None = None, **options: Any
    ) -> FakeYCloud:
        """A :class:`FakeYCloud` that sends to an endpoint, signed with its secret.

        It has the current URL, secret and status of the endpoint.

        :param endpoint_id: such as ``wh627c8640675de8fc689ab9d9``.
        :param app: the app to send to, by its test client; the endpoint's URL if left out.
        :param options: further arguments of :class:`FakeYCloud`, such as ``tenant``.
        :raises LookupError: if no account has that endpoint.
        """
        known = {}
        for account in self.accounts.values():
            known.update(account.endpoints)
        if endpoint_id not in known:
            raise LookupError(f"No account has an endpoint {endpoint_id!r}.")
        endpoint = known[endpoint_id]
        sender = FakeYCloud(
            app,
            url=endpoint["url"] if app is None else None,
            secret=endpoint["secret"],
            endpoint_id=endpoint_id,
            **options,
        )
        sender.status = endpoint["status"]
        return sender

    def _answer(self, operation: _Operation, **ids: str) -> Response:
        with self._lock:
            return jsonify(operation(self.accounts[request.headers["X-API-Key"]], **ids))

    def _check_key(self) -> None:
        if request.headers.get("X-API-Key") not in self.accounts:
            raise Refused(401, "UNAUTHORIZED", "The API key is invalid.")


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no request."""


def _make_app(api: FakeYCloudAPI) -> Flask:
    app = Flask(__name__, static_folder=None)
    for method, path, operation in _OPERATIONS:
        view = partial(api._answer, operation)
        app.add_url_rule(path, f"{method} {path}", view, methods=[method])
    app.before_request(api._check_key)
    app.after_request(_name_request)
    app.register_error_handler(Refused, _error)
    app.register_error_handler(HTTPException, _http_error)
    return app


def _request_id() -> str:
    found: str = g.setdefault("request_id", f"req_{secrets.token_hex(10)}")
    return found


def _name_request(response: Response) -> Response:
    response.headers["YCloud-Request-ID"] = _request_id()
    return response


def _error(refused: Refused) -> tuple[Response, int]:
    error = {
        "status": refused.status,
        "code": refused.code,
        "message": refused.message,
        "target": "",
        "docUrl": "",
        "requestId": _request_id(),
    }
    return jsonify(error=error), refused.status


def _http_error(error: HTTPException) -> tuple[Response, int]:
    code = error.name.upper().replace(" ", "_")
    return _error(Refused(error.code or 500, code, error.name))
