"""Hostile input to the inspector's pages and the commands: queries, forms, ids, options."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud import Discard, on_event
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.protocol import EVENT_TYPES

from .support import body_of, call, deliver

PAGE = "/ycloud/inspector/"
_MARK = "<i>marked</i>"
_PIECES = [
    "\0", "\x1b[2J", "\x9b", "\u202e", "\r\n", "'", '"', "\\", "%00", "%2e%2e", "../", "//",
    "\udcff",  # what an option has of a byte that is no UTF-8
    "{{7*7}}", "&", "=", ";", "é", "漢", "💩", "sha256:", "-1", "9" * 40, "1e400",
    "nan", "0001-01-01T00:00", "9999-12-31T23:59+23:59", "dead", "unhandled", _MARK, " ",
    "x" * 3_000, "id=evt_1&endpoint=ycloud&tenant=", *list(EVENT_TYPES)[:2], "ycloud",
]  # fmt: skip
_FIELDS = (
    "type", "state", "endpoint", "tenant", "since", "until", "before", "id", "variant",
    "notice", "replayed", "left", "event", "all", "sure", "succeeded_too", "body",
    "csrf_token", "handler", "error", "cause", "span", "again", "reason", "begun", "after",
    "done", "count", "kind", "name",
)  # fmt: skip
_PATHS = (
    "", "rows", "live-counts", "causes", "activity", "pauses", "send", "event", "status",
    "body", "replay", "events/", "static/",
)  # fmt: skip
_ACTIONS = ("replay", "discard", "delete", "pause", "resume", "send")
_COMMANDS = (
    ("list", "--type", "--endpoint", "--tenant", "--limit", "--before", "--state"),
    ("show", "--endpoint", "--tenant"),
    ("replay", "--endpoint", "--tenant", "--type"),
    ("prune", "--days"),
    ("types",),
    ("verify", "--header", "--endpoint", "--tenant", "--endpoint-id", "--body-file"),
    ("doctor", "--tenant", "--endpoint-id"),
    ("stats",),
)


def filled(app: Flask, rng: random.Random) -> FlaskClient:
    """A client of the pages, with events of all kinds in the inbox."""

    @on_event("*", name=f"drops {_MARK}\x1b[2J")
    def drop(event: object) -> None:
        raise Discard(text(rng).encode("utf-8", "replace").decode())

    app.config["PROPAGATE_EXCEPTIONS"] = True  # a fault is seen by its traceback
    app.register_blueprint(InspectorBlueprint(access=lambda: True))
    for _ in range(20):
        event_id = text(rng).encode("utf-8", "replace").decode()
        deliver(app, body_of(id=event_id or "evt", sms={"text": text(rng)}))
        deliver(app, text(rng).encode("utf-8", "surrogatepass"))
    return app.test_client()


def text(rng: random.Random) -> str:
    """Something that nobody should have to expect."""
    return "".join(rng.choice(_PIECES) for _ in range(rng.randrange(4)))


def attack_page(client: FlaskClient, rng: random.Random) -> None:
    """One request, whose answer must be no fault and must show no markup of others."""
    query = urlencode(_fields(rng), errors="replace")
    path = PAGE + rng.choice(_PATHS)
    path += quote(text(rng), safe=rng.choice(("", "/")), errors="replace")
    if rng.random() < 0.4:
        form = {each: _as_utf8(value) for each, value in _fields(rng).items()}
        if rng.random() < 0.8:
            form["csrf_token"] = _token(client)
        path = PAGE + rng.choice(_ACTIONS)
        answer = client.post(f"{path}?{query}", data=form)
    else:
        answer = client.get(f"{path}?{query}")
    with answer:
        assert answer.status_code < 500, (path, query, answer.text)
        if answer.mimetype == "text/html":
            assert _MARK not in answer.text, (path, query)
        assert (
            answer.location is None
            or answer.location.startswith(PAGE)
            or (answer.status_code == 308)
        ), (path, query, answer.location)


def attack_command(app: Flask, rng: random.Random) -> None:
    """One command, which must end with a line and print nothing that acts."""
    name, *options = rng.choice(_COMMANDS)
    args = [text(rng) for _ in range(rng.randrange(3))]
    for option in rng.sample(options, rng.randrange(len(options) + 1)):
        args += [option, text(rng)]
    args = [each.replace("\0", "") for each in args]  # no system passes it on
    result = call(app, name, *args)
    assert result.exit_code in (0, 1, 2), (name, args, result.output)
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        name, args, result.exception,
    )  # fmt: skip
    acting = {each for each in result.output if each != "\n" and _acts(each)}
    assert not acting, (name, args, result.output)


def attack(
    app: Flask, seed: int, cases: int, tick: Callable[[], Any] = lambda: None
) -> None:
    """So many of both."""
    rng = random.Random(seed)
    client = filled(app, rng)
    for number in range(cases):
        if number % 4:
            attack_page(client, rng)
        else:
            attack_command(app, rng)
        tick()


def _fields(rng: random.Random) -> dict[str, str]:
    found = {each: text(rng) for each in rng.sample(_FIELDS, rng.randrange(6))}
    if "body" in found and rng.random() < 0.5:
        found["body"] = json.dumps(
            {"id": text(rng), "type": text(rng), text(rng): text(rng)}
        )
    return found


def _token(client: FlaskClient) -> str:
    found = re.search(r'"csrf_token" value="([^"]*)"', client.get(f"{PAGE}send").text)
    assert found is not None
    return found[1]


def _as_utf8(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def _acts(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
