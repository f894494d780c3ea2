"""The webhook endpoints of one account, as YCloud's API keeps them.

Source: YCloud's OpenAPI document, and docs.ycloud.com, implement-a-webhook-receiver.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

#: How many endpoints an account has at most.
MOST_ENDPOINTS = 20

_ATTRIBUTES = "contact.attributes_changed"
_LONGEST = {"url": 500, "description": 400}
_STATUSES = ("active", "disabled", "pending")


class Refused(Exception):
    """The API answers with an error.

    :param status: the HTTP status.
    :param code: YCloud's word for it, such as ``NOT_FOUND``.
    :param message: a sentence about it.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Account:
    """One account, and the operations on its endpoints. Each may raise :exc:`Refused`."""

    def __init__(self) -> None:
        #: Every endpoint by its id, as the API returns it. Changes take effect.
        self.endpoints: dict[str, dict[str, Any]] = {}

    def page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """One page of the endpoints, in the order in which they were created."""
        if set(query) - {"page", "limit", "includeTotal"}:
            raise _invalid("There is an unknown parameter.")
        page, limit = _number(query, "page", 1), _number(query, "limit", 10)
        offset = (page - 1) * limit
        items = list(self.endpoints.values())[offset : offset + limit]
        found = {"items": items, "offset": offset, "limit": limit, "length": len(items)}
        if query.get("includeTotal") == "true":
            found["total"] = len(self.endpoints)
        return found

    def create(self, body: Any) -> dict[str, Any]:
        """Create an endpoint with a secret of its own."""
        fields = _checked(body)
        for name in ("url", "enabledEvents"):
            if name not in fields:
                raise Refused(400, "PARAM_MISSING", f"{name} is required.")
        if len(self.endpoints) >= MOST_ENDPOINTS:
            message = f"An account has at most {MOST_ENDPOINTS} webhook endpoints."
            raise Refused(403, "FORBIDDEN", message)
        made = {
            "status": "active",
            **fields,
            "id": f"wh{secrets.token_hex(12)}",
            "secret": new_secret(),
            "createTime": _now(),
            "updateTime": _now(),
        }
        self.endpoints[made["id"]] = made
        return made

    def retrieve(self, endpoint_id: str) -> dict[str, Any]:
        """One endpoint, with its secret."""
        if endpoint_id not in self.endpoints:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist.")
        return self.endpoints[endpoint_id]

    def update(self, endpoint_id: str, body: Any) -> dict[str, Any]:
        """Change what is given, and leave the rest."""
        endpoint = self.retrieve(endpoint_id)
        endpoint.update(_checked(body), updateTime=_now())
        return endpoint

    def delete(self, endpoint_id: str) -> dict[str, Any]:
        """Delete an endpoint, and return it."""
        endpoint = self.retrieve(endpoint_id)
        del self.endpoints[endpoint_id]
        return endpoint

    def rotate(self, endpoint_id: str) -> dict[str, Any]:
        """Give an endpoint a new secret."""
        endpoint = self.retrieve(endpoint_id)
        endpoint.update(secret=new_secret(), updateTime=_now())
        return endpoint


def new_secret() -> str:
    """A signing secret in YCloud's form."""
    return f"whsec_{secrets.token_hex(16)}"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 100):
        raise _invalid(f"{name} is a whole number from 1 to 100.")
    return int(value)


def _checked(body: Any) -> dict[str, Any]:
    """The fields of a body, if each is as documented."""
    if not isinstance(body, dict):
        raise _invalid("The body is not a JSON object.")
    for name, value in body.items():
        if name not in _GOOD or not _GOOD[name](value):
            raise _invalid(f"{name} is not valid.")
        if len(value) > _LONGEST.get(name, len(value)):
            message = f"{name} has more than {_LONGEST[name]} characters."
            raise Refused(400, "PARAM_INVALID_LENGTH", message)
    chosen = [each["event"] for each in body.get("eventProperties", ())]
    if _ATTRIBUTES in body.get("enabledEvents", ()) and _ATTRIBUTES not in chosen:
        message = f"eventProperties are required for {_ATTRIBUTES}."
        raise Refused(400, "PARAM_MISSING", message)
    return body


def _invalid(message: str) -> Refused:
    return Refused(400, "PARAM_INVALID", message)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_properties(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict)
        and set(each) == {"event", "properties"}
        and _is_text(each["event"])
        and _are_texts(each["properties"])
        and each["properties"]
        for each in value
    )


_GOOD: dict[str, Callable[[Any], bool]] = {
    "url": _is_text,
    "description": _is_text,
    "status": lambda value: value in _STATUSES,
    "enabledEvents": _are_texts,
    "eventProperties": _are_properties,
}
