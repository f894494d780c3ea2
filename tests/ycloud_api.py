"""A part of YCloud's API, as its OpenAPI document has it, and strict about it.

The operations on webhook endpoints are those of ``FakeYCloudAPI``. Here are sending a
message and retrieving it; marking an inbound message as read, with and without a typing
indicator; downloading media; and failures to order.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Response, jsonify, make_response, request

from flask_ycloud.testing import FakeYCloudAPI
from flask_ycloud.testing.accounts import Refused

API_KEY = "key of the tests"


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
        self.fake = FakeYCloudAPI(API_KEY)
        self.endpoints = self.fake.endpoints(API_KEY)
        self.messages: dict[str, dict[str, Any]] = {}
        self.read: list[tuple[str, str]] = []
        self.media: dict[str, tuple[bytes, str]] = {}
        self.calls: list[str] = []
        self.keys: list[str | None] = []
        self.failures: list[Response | None] = []
        self.lost = 0
        app = self.fake.app
        messages = "/v2/whatsapp/messages"
        for path in (messages, f"{messages}/sendDirectly"):
            app.add_url_rule(path, path, self.send, methods=["POST"])
        app.add_url_rule(f"{messages}/<message_id>", view_func=self.sent)
        inbound = "/v2/whatsapp/inboundMessages/<message_id>/<action>"
        app.add_url_rule(inbound, view_func=self.mark, methods=["POST"])
        media = "/v2/whatsapp/media/download/<media_id>"
        app.add_url_rule(media, view_func=self.download)
        app.before_request_funcs[None].insert(0, self.before)
        app.after_request(self.after)

    def before(self) -> Response | None:
        self.calls.append(f"{request.method} {request.path.removeprefix('/v2')}")
        self.keys.append(request.headers.get("X-API-Key"))
        if self.failures:
            failure = self.failures.pop(0)
            if failure is None:
                hang_up()
            return failure or Response()
        if request.endpoint == "download":
            # A link of media can be opened without a key, too, for a few minutes.
            return self.download(**request.view_args or {})
        return None

    def after(self, response: Response) -> Response:
        if self.lost:
            self.lost -= 1
            hang_up()
        return response

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


@contextmanager
def serving(api: YCloudAPI) -> Iterator[str]:
    """Serve it on loopback, and give its base URL."""
    with api.fake as fake:
        yield fake.url
