"""Who may see the pages: nobody, unless the app says so."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask import Flask, redirect

from flask_ycloud.inspector import InspectorBlueprint, inspector_bp
from flask_ycloud.metrics import MetricsBlueprint

from ..conftest import MakeApp

PAGE = "/ycloud/inspector/"


def get(app: Flask, page: str = PAGE, **options: Any) -> tuple[int, str]:
    response = app.test_client().get(page, **options)
    return response.status_code, response.text


def basic(password: str) -> dict[str, str]:
    value = base64.b64encode(f"me:{password}".encode()).decode()
    return {"Authorization": f"Basic {value}"}


@pytest.mark.parametrize("page", [PAGE, PAGE + "static/style.css", "/ycloud/metrics"])
def test_closed_by_default(app: Flask, page: str) -> None:
    app.register_blueprint(InspectorBlueprint())
    app.register_blueprint(MetricsBlueprint())
    status, text = get(app, page)
    assert status == 403
    assert text.startswith("This page is closed. Open it in one of these ways:")
    assert "_bp, access=function)" in text


def test_open_to_the_machine_itself_in_debug_mode(app: Flask) -> None:
    app.register_blueprint(InspectorBlueprint())
    app.debug = True
    assert get(app)[0] == 200
    assert get(app, base_url="http://127.0.0.1:5000")[0] == 200
    assert get(app, base_url="http://[::1]:5000")[0] == 200
    assert get(app, environ_base={"REMOTE_ADDR": "192.0.2.1"})[0] == 403
    assert get(app, base_url="http://rebound.example.org")[0] == 403


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
    [(True, 200), (object(), 200), (False, 403), (None, 403), (redirect("/login"), 302)],
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
