"""``/health`` and ``/ready``: what a load balancer and an orchestrator are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_ycloud import Event, WebhookBlueprint, on_event, stop, ycloud_bp
from flask_ycloud.inbox import Database
from flask_ycloud.runtime import runtime_of
from flask_ycloud.web import probes

from ..conftest import MakeApp
from ..support import SECRET, body_of, deliver, eventually, listening


@pytest.fixture
def app(make_app: MakeApp, inbox_url: str) -> Flask:
    return make_app(YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url)


def ask(app: Flask, path: str) -> tuple[int, Any]:
    answer = app.test_client().get(path)
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json


def test_both_are_ok_from_the_first_request_on(app: Flask) -> None:
    assert ask(app, "/ycloud/ready") == (200, {"status": "ready"})
    assert ask(app, "/ycloud/health") == (200, {"status": "ok"})
    assert app.test_client().head("/ycloud/health").status_code == 200
    assert app.test_client().post("/ycloud/health").status_code == 405


def test_the_first_one_starts_the_handling(app: Flask) -> None:
    done: list[str] = []

    @on_event("*", name="probes")
    def handle(event: Event[Any]) -> None:
        done.append(event.id)

    body = body_of()
    runtime_of(app).inbox.accept(
        "e", body, endpoint="ycloud", event_type="sms.message.updated"
    )
    assert ask(app, "/ycloud/health")[0] == 200
    eventually(lambda: len(done) == 1)


def test_an_inbox_that_cannot_be_written_is_not_ready_and_alive_all_the_same(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flask_ycloud")
    monkeypatch.setattr(probes, "_REUSED_SECONDS", 0.0)
    assert ask(app, "/ycloud/ready")[0] == 200
    with monkeypatch.context() as patch:

        def broken(database: Database) -> None:
            with database._translated():
                raise sa.exc.OperationalError("", {}, Exception("disk I/O error"))

        patch.setattr(Database, "rehearse", broken)
        status, answer = ask(app, "/ycloud/ready")
        assert (status, answer) == (503, {"status": "not ready"}), (
            "no details for strangers"
        )
        assert ask(app, "/ycloud/ready")[0] == 503
        assert ask(app, "/ycloud/health")[0] == 200
    assert caplog.text.count("Not ready for deliveries: The inbox") == 1, "once"
    assert ask(app, "/ycloud/ready")[0] == 200
    assert "Ready for deliveries." in caplog.text


def test_an_inbox_that_is_read_only_is_not_ready(
    make_app: MakeApp, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=postgresql_url)
    monkeypatch.setattr(probes, "_REUSED_SECONDS", 0.0)
    assert ask(app, "/ycloud/ready")[0] == 200
    database = runtime_of(app).inbox.database

    @sa.event.listens_for(database._engine, "begin")
    def read_only(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    assert ask(app, "/ycloud/ready")[0] == 503


def test_many_probes_ask_the_database_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(Database, "rehearse", lambda database: asked.append(True))
    for _ in range(20):
        assert ask(app, "/ycloud/ready")[0] == 200
    assert asked == [True]


def test_a_probe_leaves_no_trace_in_the_database(make_app: MakeApp, tmp_path: Any) -> None:
    app = make_app(
        YCLOUD_DISPATCH="manual", YCLOUD_INBOX_URL=f"sqlite:///{tmp_path}/inbox.db"
    )
    deliver(app, body_of())
    wal = tmp_path / "inbox.db-wal"
    before = wal.read_bytes()
    runtime_of(app).inbox.database.rehearse()
    assert ask(app, "/ycloud/ready")[0] == 200
    assert wal.read_bytes() == before


def test_a_process_that_drains_is_not_ready_and_stores_deliveries_all_the_same(
    app: Flask,
) -> None:
    assert ask(app, "/ycloud/ready")[0] == 200
    stop(app)
    assert ask(app, "/ycloud/ready")[0] == 503
    assert ask(app, "/ycloud/health")[0] == 200
    assert deliver(app, body_of()).status_code == 200


def test_a_process_that_was_told_to_end_is_not_ready(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_ycloud.dispatch.lifecycle.this_process._signalled", True)
    assert ask(app, "/ycloud/ready")[0] == 503


def test_a_backlog_changes_nothing(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    for _ in range(5):
        deliver(app, body_of())
    assert ask(app, "/ycloud/ready")[0] == 200


def test_a_dispatcher_that_cannot_be_made_is_not_ready(tmp_path: Path) -> None:
    def broken(runtime: Any) -> Any:
        raise RuntimeError("no broker")

    app = Flask("broken", instance_path=str(tmp_path))
    app.config.update(YCLOUD_WEBHOOK_SECRET=SECRET, TESTING=True, YCLOUD_DISPATCH=broken)
    app.register_blueprint(ycloud_bp)
    assert ask(app, "/ycloud/ready")[0] == 503
    assert ask(app, "/ycloud/health")[0] == 200


def test_an_endpoint_of_many_tenants_has_them_under_any_tenant(make_app: MakeApp) -> None:
    hooks = WebhookBlueprint(
        "hooks", url_prefix="/hooks/<tenant>", secrets=lambda tenant, _: SECRET
    )
    app = make_app(hooks)
    assert ask(app, "/hooks/any/health")[0] == 200
    assert ask(app, "/hooks/any/ready")[0] == 200


def test_probes_are_no_deliveries(app: Flask) -> None:
    from flask_ycloud import delivery_rejected

    with listening(delivery_rejected) as heard:
        ask(app, "/ycloud/health")
        ask(app, "/ycloud/ready")
    assert heard == []
