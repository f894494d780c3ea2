"""A part of YCloud's API, as its OpenAPI document has it, and strict about it.

The operations on webhook endpoints; sending a message and retrieving it; marking an inbound
message as read, with and without a typing indicator; downloading media.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, jsonify, make_response, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

API_KEY = "key of the tests"
STATUSES = ("active", "disabled", "pending")


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.answer = (status, code, message)


class YCloudAPI:
    """What an account has, and what goes wrong next.

    :ivar calls: method and path of each call.
    :ivar keys: the ``X-API-Key`` of each call.
    :ivar messages: what was sent, by the ids that were given.
    :ivar read: inbound messages marked as read, with the operation that did it.
    :ivar media: bytes and their type, by id.
    :ivar failures: answers that come before any other; ``None`` closes the connection.
    :ivar lost: how many calls are carried out next without an answer.
    """

    def __init__(self) -> None:
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.read: list[tuple[str, str]] = []
        self.media: dict[str, tuple[bytes, str]] = {}
        self.calls: list[str] = []
        self.keys: list[str | None] = []
        self.failures: list[Response | None] = []
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
        messages = "/v2/whatsapp/messages"
        for path in (messages, f"{messages}/sendDirectly"):
            self.app.add_url_rule(path, path, self.send, methods=["POST"])
        self.app.add_url_rule(f"{messages}/<message_id>", view_func=self.sent)
        inbound = "/v2/whatsapp/inboundMessages/<message_id>/<action>"
        self.app.add_url_rule(inbound, view_func=self.mark, methods=["POST"])
        media = "/v2/whatsapp/media/download/<media_id>"
        self.app.add_url_rule(media, view_func=self.download)
        self.app.before_request(self.before)
        self.app.after_request(self.after)
        self.app.register_error_handler(Refused, lambda error: problem(*error.answer))
        self.app.register_error_handler(
            HTTPException, lambda e: problem(e.code or 500, e.name.upper(), e.name)
        )

    def before(self) -> Response | None:
        self.calls.append(f"{request.method} {request.path.removeprefix('/v2')}")
        self.keys.append(request.headers.get("X-API-Key"))
        if self.failures:
            failure = self.failures.pop(0)
            if failure is None:
                hang_up()
            return failure or Response()
        # A link of media can be opened without a key, too, for a few minutes.
        opened = "/media/download/" in request.path
        if request.headers.get("X-API-Key") != API_KEY and not opened:
            return problem(401, "UNAUTHORIZED", "The API key is invalid.")
        return None

    def after(self, response: Response) -> Response:
        response.headers["YCloud-Request-ID"] = "req_1KjtKI80IKoaJNa6n6p"
        if self.lost:
            self.lost -= 1
            hang_up()
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

    def send(self) -> Response:
        message = sendable(request.get_json())
        message_id = secrets.token_hex(12)
        self.messages[message_id] = {
            **message, "id": message_id, "wabaId": "1000000000000001", "status": "accepted",
        }  # fmt: skip
        return jsonify(self.messages[message_id])

    def sent(self, message_id: str) -> Response:
        if message_id not in self.messages:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist.")
        return jsonify(self.messages[message_id])

    def mark(self, message_id: str, action: str) -> Response:
        if action not in ("markAsRead", "typing", "typingIndicator"):
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist.")
        self.read.append((message_id, action))
        return jsonify(success=True) if action == "typing" else Response()

    def download(self, media_id: str) -> Response:
        if media_id not in self.media:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist.")
        content, content_type = self.media[media_id]
        return make_response(content, {"Content-Type": content_type})

    def find(self, endpoint_id: str) -> dict[str, Any]:
        if endpoint_id not in self.endpoints:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist.")
        return self.endpoints[endpoint_id]


def hang_up() -> None:
    """Close the connection of this request."""
    request.environ["werkzeug.socket"].shutdown(2)


def problem(
    status: int, code: str, message: str, whatsapp_code: str | None = None, **headers: str
) -> Response:
    """An error as YCloud answers it.

    :param whatsapp_code: of WhatsApp's error, where the error is WhatsApp's.
    :param headers: further ones, with underscores for hyphens.
    """
    error: dict[str, Any] = {
        "status": status, "code": code, "message": message, "target": "", "docUrl": "",
        "requestId": "req_1KjtKI80IKoaJNa6n6p",
    }  # fmt: skip
    if whatsapp_code is not None:
        error["whatsappApiError"] = {"code": whatsapp_code, "message": message}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"error": error})
    return Response(body, status, names, mimetype="application/json")


def sendable(message: dict[str, Any]) -> dict[str, Any]:
    """The request to send a message, if it has what the schema requires."""
    for name in ("from", "type"):
        if not message.get(name):
            raise Refused(400, "PARAM_MISSING", f"{name} is required.")
    if not message.get("to") and not message.get("recipient"):
        raise Refused(400, "PARAM_MISSING", "to or recipient is required.")
    if message["type"] not in message:
        raise Refused(400, "PARAM_MISSING", f"{message['type']} is required.")
    return message


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
