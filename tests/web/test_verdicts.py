"""What ``access=`` may return: only True opens everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, redirect, session
from werkzeug.local import LocalProxy

from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.metrics import MetricsBlueprint

from ..conftest import MakeApp
from .support import PAGE, get


class User:
    """As Flask-Login's, for whom nobody has logged in."""

    is_authenticated = False

    def is_admin(self) -> bool:
        return False


async def denied() -> bool:
    await asyncio.sleep(0)
    return False


async def opened() -> bool:
    await asyncio.sleep(0)
    return True


def _generator() -> Iterator[bool]:
    yield True


async def _an_async_generator() -> Any:
    yield True


async def _a_coroutine_in_a_coroutine() -> Any:
    return User().is_admin


def opened_inspector(make_app: MakeApp, access: Any) -> Flask:
    app = make_app(TESTING=False, SECRET_KEY="k")
    app.register_blueprint(InspectorBlueprint(access=access))
    app.register_blueprint(MetricsBlueprint(access=access))
    return app


@pytest.mark.parametrize("access", [lambda: True, opened], ids=["function", "coroutine"])
def test_true_opens(make_app: MakeApp, access: Any) -> None:
    app = opened_inspector(make_app, access)
    assert "YCloud inspector" in get(app)[1]
    assert get(app, "/ycloud/metrics")[0] == 200


@pytest.mark.parametrize(
    "access", [lambda: False, lambda: None, denied], ids=["false", "none", "coroutine"]
)
def test_no_is_a_403_without_a_word(
    make_app: MakeApp, access: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert get(opened_inspector(make_app, access)) == (403, "You may not see this page.\n")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("returned", "status", "text"),
    [
        (redirect("/login"), 302, "/login"),
        (Response("no", 401), 401, "no"),
        (("Forbidden", 403), 403, "Forbidden"),
        (({"error": "log in"}, 401), 401, "log in"),
        (("Log in", 401, {"X-Why": "session"}), 401, "Log in"),
        ((Response("slow down"), 429), 429, "slow down"),
        ({"error": "log in"}, 200, "log in"),
        (["log in"], 200, "log in"),
        ("log in first", 200, "log in first"),
        (b"log in first", 200, "log in first"),
    ],
)
def test_an_answer_is_sent_in_place_of_the_page(
    make_app: MakeApp, returned: Any, status: int, text: str
) -> None:
    found = get(opened_inspector(make_app, lambda: returned))
    assert found[0] == status
    assert text in found[1]
    assert "inspector" not in found[1]


@pytest.mark.parametrize(
    ("returned", "named"),
    [
        (object(), "object"),
        (User(), "User"),
        (User().is_admin, "method"),
        (lambda: True, "function"),
        (1, "int"),
        (0, "int"),
        ("", "str that is not a response"),
        ({}, "dict that is not a response"),
        ((), "tuple that is not a response"),
        ((True, 200), "tuple that is not a response"),
        ((lambda *_: [b"x"], 200), "tuple that is not a response"),
        (("a", "b", "c", "d"), "tuple that is not a response"),
        (({"user": object()}, 200), "tuple that is not a response"),
        ({"user": object()}, "dict that is not a response"),
        (_generator(), "generator"),
        (_an_async_generator(), "async_generator"),
        (LocalProxy(lambda: True), "LocalProxy"),
        (asyncio, "module"),
    ],
)
def test_anything_else_is_a_403_and_an_error_that_names_its_type(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, returned: Any, named: str
) -> None:
    app = opened_inspector(make_app, lambda: returned)
    assert get(app) == (403, "You may not see this page.\n")
    assert get(app, PAGE + "static/style.css")[0] == 403
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert f"access= of the blueprint inspector returned a {named}, so" in record.message


def test_a_coroutine_may_return_a_mistake_too(make_app: MakeApp) -> None:
    assert get(opened_inspector(make_app, _a_coroutine_in_a_coroutine))[0] == 403


def test_a_coroutine_sees_the_request(make_app: MakeApp) -> None:
    async def by_session() -> Any:
        await asyncio.sleep(0)
        return session.get("admin", False)

    app = opened_inspector(make_app, by_session)
    client = app.test_client()
    assert client.get(PAGE).status_code == 403
    with client.session_transaction() as changed:
        changed["admin"] = True
    assert client.get(PAGE).status_code == 200


def test_a_function_that_raises_opens_nothing(make_app: MakeApp) -> None:
    app = opened_inspector(make_app, lambda: 1 / 0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert get(app)[0] == 500
