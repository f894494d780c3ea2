"""The pages of errors, and who does not see them."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, abort, redirect
from flask.testing import FlaskClient

from flask_ycloud import InboxUnavailable
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of
from .support import PAGE


def test_they_have_the_navigation(app: Flask, client: FlaskClient) -> None:
    for path in ("nope", "no/such/page", "events/evt_9", "replay", "send?type=x"):
        answer = client.get(PAGE + path)
        assert answer.status_code == 404
        assert "<h1>Not Found</h1>" in answer.text
        assert 'aria-label="Pages"' in answer.text
    body = body_of()
    deliver(app, body)
    old = client.post(f"{PAGE}replay", data={"event": id_of(body)})
    assert old.status_code == 403
    assert "Load its page again." in old.text
    assert 'aria-label="Pages"' in old.text
    assert client.get(PAGE[:-1]).status_code == 308


def refuse(kind: str) -> Any:
    if kind == "unavailable":
        raise InboxUnavailable("of the access")
    abort(redirect("/login") if kind == "redirect" else 401)


@pytest.mark.parametrize(
    ("kind", "status"), [("redirect", 302), ("abort", 401), ("unavailable", 503)]
)
@pytest.mark.parametrize("path", ["", "nope", "activity"])
def test_who_was_not_let_in_sees_nothing(
    make_app: MakeApp, kind: str, status: int, path: str
) -> None:
    """What ``access`` raises is answered as it is: no page of ours, and no counts."""
    app = make_app()
    app.register_blueprint(InspectorBlueprint(access=lambda: refuse(kind)))
    inner = InspectorBlueprint("inner", access=lambda: refuse(kind), url_prefix="/inner")
    outer = InspectorBlueprint("outer", access=lambda: True, url_prefix="/outer")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    client = app.test_client()
    for page in (PAGE, "/outer/inner/"):
        answer = client.get(page + path)
        assert answer.status_code == status
        assert "pending" not in answer.text
        assert "<nav" not in answer.text


def test_a_redirect_of_the_apps_own(make_app: MakeApp) -> None:
    app, inspector = make_app(), InspectorBlueprint(access=lambda: True)
    inspector.before_request(lambda: abort(redirect("/elsewhere")))
    app.register_blueprint(inspector)
    assert app.test_client().get(PAGE).location == "/elsewhere"


def test_while_the_inbox_cannot_be_read(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(work: Any) -> Any:
        raise InboxUnavailable("It is gone.")

    monkeypatch.setattr(runtime_of(app).inbox.database, "read", read)
    for path in ("", "rows", "causes", "activity", "pauses", "events/evt_1"):
        answer = client.get(PAGE + path)
        assert answer.status_code == 503
        assert "It is gone." in answer.text
    assert client.get(f"{PAGE}live-counts").status_code == 200
