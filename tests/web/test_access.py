"""Who may see the pages: nobody, unless the app says so."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Blueprint, Flask, redirect

from flask_ycloud import ConfigurationError
from flask_ycloud.inspector import GuardedBlueprint, InspectorBlueprint, inspector_bp
from flask_ycloud.metrics import MetricsBlueprint
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import call
from .support import PAGE, basic, get


@pytest.mark.parametrize("page", [PAGE, PAGE + "static/style.css", "/ycloud/metrics"])
def test_closed_by_default(app: Flask, page: str) -> None:
    app.register_blueprint(InspectorBlueprint())
    app.register_blueprint(MetricsBlueprint())
    status, text = get(app, page)
    assert status == 403
    assert text.startswith("This page is closed. Open it in one of these ways:")
    assert "_bp, access=function)" in text


def test_a_password(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INSPECTOR_PASSWORD="open sesame")
    app.register_blueprint(InspectorBlueprint())
    app.debug = True
    response = app.test_client().get(PAGE)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert "open sesame" not in response.text
    assert get(app, headers=basic("open sesame"))[0] == 200
    assert get(app, headers=basic("close sesame"))[0] == 401
    assert get(app, headers=basic("ä"))[0] == 401
    assert get(app, headers={"Authorization": "Bearer open sesame"})[0] == 401


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(True, 200), (object(), 403), (False, 403), (None, 403), (redirect("/login"), 302)],
)
def test_a_function_decides(make_app: MakeApp, verdict: Any, status: int) -> None:
    app = make_app(YCLOUD_INSPECTOR_PASSWORD="is not asked for")
    app.register_blueprint(InspectorBlueprint(access=lambda: verdict))
    assert get(app)[0] == status


def test_it_may_be_given_when_it_is_registered(make_app: MakeApp) -> None:
    opened, closed = make_app(), make_app()
    opened.register_blueprint(inspector_bp, access=lambda: True)
    closed.register_blueprint(inspector_bp)
    assert (get(opened)[0], get(closed)[0]) == (200, 403)


def test_a_name_and_a_path_of_its_own(app: Flask) -> None:
    pages = InspectorBlueprint("ours", url_prefix="/internal", access=lambda: True)
    app.register_blueprint(pages)
    app.register_blueprint(MetricsBlueprint("counts", url_prefix="/internal/counts"))
    assert get(app, "/internal/")[0] == 200
    assert get(app, "/internal/counts")[0] == 403


# Each registration.


class Doing(GuardedBlueprint):
    """Pages with an action of each method, by somebody who thought of no right."""

    defaults = {"name": "doing", "url_prefix": "/doing"}  # noqa: RUF012

    def add_pages(self) -> None:
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        self.add_url_rule("/", view_func=lambda: "done", methods=methods, endpoint="do")


def test_two_nested_ones_keep_their_own_access(app: Flask) -> None:
    parents = [Blueprint(name, __name__, url_prefix=f"/{name}") for name in ("a", "b")]
    parents[0].register_blueprint(InspectorBlueprint(access=lambda: False))
    parents[1].register_blueprint(InspectorBlueprint(access=lambda: True))
    for each in parents:
        app.register_blueprint(each)
    assert get(app, "/a/ycloud/inspector/")[0] == 403
    assert get(app, "/b/ycloud/inspector/")[0] == 200


@pytest.mark.parametrize("first", [True, False])
def test_one_blueprint_under_two_names(app: Flask, first: bool) -> None:
    pages = InspectorBlueprint()
    app.register_blueprint(pages, url_prefix="/one", access=lambda: first)
    app.register_blueprint(pages, url_prefix="/two", name="two", access=lambda: not first)
    assert get(app, "/one/")[0] == (200 if first else 403)
    assert get(app, "/two/")[0] == (403 if first else 200)


def test_one_nested_under_two_parents_and_registered_itself(app: Flask) -> None:
    pages = InspectorBlueprint(access=lambda: False)
    for name in ("a", "b"):
        parent = Blueprint(name, __name__, url_prefix=f"/{name}")
        parent.register_blueprint(pages, access=lambda name=name: name == "b")
        app.register_blueprint(parent)
    app.register_blueprint(pages)
    assert get(app, "/a/ycloud/inspector/")[0] == 403
    assert get(app, "/b/ycloud/inspector/")[0] == 200
    assert get(app)[0] == 403
    assert get(app, "/a/ycloud/inspector/static/style.css")[0] == 403


@pytest.mark.parametrize(
    ("outer", "inner", "status", "acts"),
    [
        (True, True, 200, 200),
        (True, False, 403, 403),
        (False, True, 403, 403),
        ("read", True, 200, 403),
        (True, "read", 200, 403),
    ],
)
def test_inside_of_another_guarded_one_both_decide(
    app: Flask, outer: Any, inner: Any, status: int, acts: int
) -> None:
    parent = Doing("parent", url_prefix="/parent", access=lambda: outer)
    parent.register_blueprint(Doing(access=lambda: inner))
    app.register_blueprint(parent)
    assert get(app, "/parent/doing/")[0] == status
    assert app.test_client().put("/parent/doing/").status_code == acts


@pytest.mark.parametrize("option", ["access", "actor"])
def test_what_is_no_function_is_refused_at_once(app: Flask, option: str) -> None:
    options: dict[str, Any] = {option: True}
    with pytest.raises(ConfigurationError, match=f"{option}=bool"):
        app.register_blueprint(InspectorBlueprint(), **options)


# Who may only look.


@pytest.mark.parametrize(
    ("right", "looks", "acts"), [("read", 200, 403), (True, 200, 200), (False, 403, 403)]
)
def test_every_action_is_closed_to_who_may_only_look(
    app: Flask, right: Any, looks: int, acts: int
) -> None:
    app.register_blueprint(Doing(access=lambda: right))
    client = app.test_client()
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.open("/doing/", method=method).status_code == looks
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.open("/doing/", method=method).status_code == acts


def test_every_page_of_the_inspector_that_takes_a_post_is_closed_to_them(
    app: Flask,
) -> None:
    app.register_blueprint(InspectorBlueprint(access=lambda: "read"))
    rules = [each for each in app.url_map.iter_rules() if "inspector" in each.endpoint]
    acting = [
        each.rule
        for each in rules
        if each.methods and "POST" in each.methods and not each.endpoint.endswith(".find")
    ]
    assert len(acting) >= 2
    for rule in acting:
        answer = app.test_client().post(rule)
        assert (answer.status_code, answer.text) == (
            403, "You may look at these pages, but not change anything.\n",
        )  # fmt: skip


# Guesses of the password.


@pytest.fixture
def locked(make_app: MakeApp) -> Flask:
    app = make_app(YCLOUD_INSPECTOR_PASSWORD="open sesame", TESTING=False)
    app.register_blueprint(InspectorBlueprint())
    return app


def test_guesses_are_slowed_down_and_nobody_else_is(locked: Flask) -> None:
    statuses = [get(locked, headers=basic(f"guess {n}"))[0] for n in range(50)]
    assert statuses[:5] == [401] * 5
    assert set(statuses[5:]) == {429}
    answer = locked.test_client().get(PAGE, headers=basic("open sesame"))
    assert answer.status_code == 429, "whoever guesses does not learn that it is right"
    assert answer.headers["Retry-After"] in ("1", "2")
    assert "open sesame" not in answer.text
    other = {"REMOTE_ADDR": "192.0.2.7"}
    assert get(locked, headers=basic("open sesame"), environ_base=other)[0] == 200
    assert get(locked, headers={})[0] == 401, "a browser that asks what is wanted"


def test_guesses_are_counted_and_logged_once_a_minute(
    locked: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        get(locked, headers=basic(f"guess {number}"))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert (
        "wrong password for YCLOUD_INSPECTOR_PASSWORD was given, at the inspector page."
        in (record.getMessage())
    )
    assert "guess" not in record.getMessage()
    runtime_of(locked).rejections.write()
    found = call(locked, "doctor").output
    assert "inspector: 30 attempts with a wrong password in the last day." in found
    assert "No delivery was rejected in the last day." in found
    address = {"REMOTE_ADDR": "192.0.2.7"}
    page = get(
        locked, f"{PAGE}activity", headers=basic("open sesame"), environ_base=address
    )
    assert "Wrong passwords in the last day" in page[1]
