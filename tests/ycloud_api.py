"""YCloud's Webhook Endpoints API, as its OpenAPI document has it, and strict about it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

API_KEY = "key of the tests"
STATUSES = ("active", "disabled", "pending")


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.answer = (status, code, message)


class YCloudAPI:
    """What an account has, and what goes wrong next.

    ``failures`` are answers, or ``None`` for no answer at all, that come before any other.
    ``lost`` are counts of calls that are carried out, and whose answer gets lost.
    """

    def __init__(self) -> None:
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.failures: list[Response] = []
        self.lost = 0
        self.app = Flask("ycloud_api")
        self.app.url_map.strict_slashes = True
        self.app.add_url_rule("/v2/webhookEndpoints", view_func=self.all, methods=["GET"])
        self.app.add_url_rule("/v2/webhookEndpoints", view_func=self.new, methods=["POST"])
        one = "/v2/webhookEndpoints/<endpoint_id>"
        methods = ["GET", "PATCH", "DELETE"]
        self.app.add_url_rule(one, view_func=self.one, methods=methods)
        self.app.add_url_rule(
            f"{one}/rotateSecret", view_func=self.rotate, methods=["POST"]
        )
        self.app.before_request(self.before)
        self.app.after_request(self.after)
        self.app.register_error_handler(Refused, lambda error: problem(*error.answer))
        self.app.register_error_handler(
            HTTPException, lambda e: problem(e.code or 500, e.name.upper(), e.name)
        )

    def before(self) -> Response | None:
        self.calls.append(f"{request.method} {request.path.removeprefix('/v2')}")
        if self.failures:
            return self.failures.pop(0)
        if request.headers.get("X-API-Key") != API_KEY:
            return problem(401, "UNAUTHORIZED", "The API key is invalid.")
        return None

    def after(self, response: Response) -> Response:
        response.headers["YCloud-Request-ID"] = "req_1KjtKI80IKoaJNa6n6p"
        if self.lost:
            self.lost -= 1
            request.environ["werkzeug.socket"].shutdown(2)
        return response

    def all(self) -> Response:
        known = {"page": 1, "limit": 10}
        if set(request.args) - {*known, "includeTotal"}:
            raise Refused(400, "PARAM_INVALID", "An unknown parameter.")
        page, limit = (request.args.get(n, d, type=int) for n, d in known.items())
        assert page is not None
        assert limit is not None
        if not (1 <= page <= 100 and 1 <= limit <= 100):
            raise Refused(400, "PARAM_INVALID", "page and limit lie between 1 and 100.")
        offset = (page - 1) * limit
        items = list(self.endpoints.values())[offset : offset + limit]
        return jsonify(items=items, offset=offset, limit=limit, length=len(items))

    def new(self) -> Response:
        body = checked(required=("url", "enabledEvents"))
        endpoint_id = f"wh{secrets.token_hex(12)}"
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        self.endpoints[endpoint_id] = {
            "status": "active",
            **body,
            "id": endpoint_id,
            "secret": new_secret(),
            "createTime": now,
            "updateTime": now,
        }
        return jsonify(self.endpoints[endpoint_id])

    def one(self, endpoint_id: str) -> Response:
        endpoint = self.find(endpoint_id)
        if request.method == "PATCH":
            endpoint.update(checked())
        elif request.method == "DELETE":
            del self.endpoints[endpoint_id]
        return jsonify(endpoint)

    def rotate(self, endpoint_id: str) -> Response:
        endpoint = self.find(endpoint_id)
        endpoint["secret"] = new_secret()
        return jsonify(endpoint)

    def find(self, endpoint_id: str) -> dict[str, Any]:
        if endpoint_id not in self.endpoints:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist.")
        return self.endpoints[endpoint_id]


def problem(status: int, code: str, message: str, **headers: str) -> Response:
    error = {"status": status, "code": code, "message": message, "target": "", "docUrl": ""}
    response = jsonify(error={**error, "requestId": "req_1KjtKI80IKoaJNa6n6p"})
    response.status_code = status
    response.headers.extend({name.replace("_", "-"): v for name, v in headers.items()})
    return response


def new_secret() -> str:
    return f"whsec_{secrets.token_hex(16)}"


def checked(required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The body, if it has what is documented and nothing else."""
    body = request.get_json()
    texts = {"url": 500, "description": 400, "status": 8}
    for name, value in body.items():
        if name in texts:
            good = isinstance(value, str) and len(value) <= texts[name]
        elif name == "enabledEvents":
            good = isinstance(value, list) and all(isinstance(v, str) for v in value)
        elif name == "eventProperties":
            good = all(
                set(each) == {"event", "properties"} and each["properties"]
                for each in value
            )
        else:
            good = False
        if not good:
            raise Refused(400, "PARAM_INVALID", f"{name} is not valid.")
    for name in required:
        if name not in body:
            raise Refused(400, "PARAM_MISSING", f"{name} is required.")
    if body.get("status", "active") not in STATUSES:
        raise Refused(400, "PARAM_INVALID", "status is not valid.")
    special = "contact.attributes_changed"
    configured = {each["event"] for each in body.get("eventProperties", [])}
    if special in body.get("enabledEvents", []) and special not in configured:
        raise Refused(400, "PARAM_MISSING", f"eventProperties are required for {special}.")
    return dict(body)


@contextmanager
def serving(api: YCloudAPI) -> Iterator[str]:
    """Serve it on loopback, and give its base URL."""
    server = make_server("127.0.0.1", 0, api.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v2"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
