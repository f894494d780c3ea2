"""Celery: real workers over Redis and RabbitMQ, and what it takes to start."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import ConfigurationError, ycloud_bp
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp, needs
from ..processes import Sender, bodies, post
from ..support import body_of, deliver, eventually, id_of
from .support import assert_kept, sweep_now


def test_without_a_celery_the_error_shows_what_to_add(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    with pytest.raises(
        ConfigurationError, match=r'app.extensions\["celery"\] = celery_app'
    ):
        _ = runtime_of(app).dispatcher
    app.extensions["celery"] = object()
    runtime_of(app).dispatcher.stop()


def test_without_a_celery_no_page_fails_and_no_delivery_is_acknowledged(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(YCLOUD_DISPATCH="celery", TESTING=False)
    app.add_url_rule("/", view_func=lambda: "home")
    assert [app.test_client().get("/").status_code for _ in range(2)] == [200, 200]
    (record,) = caplog.records
    assert "YCLOUD_DISPATCH is 'celery', and the app has no Celery" in record.getMessage()
    assert deliver(app, body_of()).status_code == 503
    app.extensions["celery"] = object()  # for the end of the test


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "celery", None)
    monkeypatch.delitem(sys.modules, "flask_ycloud.dispatch.celery")
    app = Flask("none")
    app.config.update(YCLOUD_WEBHOOK_SECRET="k", YCLOUD_DISPATCH="celery")
    with pytest.raises(ConfigurationError, match=r"pip install 'flask-ycloud\[celery\]'"):
        app.register_blueprint(ycloud_bp)


BROKERS = {
    "redis": ("Redis", 6379, "redis://127.0.0.1:6379/0"),
    "rabbitmq": ("RabbitMQ", 5672, "amqp://guest:guest@127.0.0.1:5672//"),
}


# With real brokers and workers.


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> str:
    service, port, url = BROKERS[request.param]
    needs(service, port)
    return url


def test_many_processes_share_the_work(celery_site: Any, broker: str) -> None:
    """Two web processes, three workers: each event once."""
    site, server = celery_site(broker)
    for _ in range(3):
        site.work()
    sender, events = Sender(server.port), bodies(300)
    sender.send(events)
    assert_kept(site, server, sender)
    assert sorted(server.runs()) == sorted(map(id_of, events))
    assert len({pid for _, what, pid in server.notes() if what == "ran"}) > 2


def test_a_conversation_stays_in_order_across_workers(
    celery_site: Any, broker: str
) -> None:
    site, server = celery_site(broker)
    for _ in range(2):
        site.work()
    sender = Sender(server.port, threads=1)
    events = [body_of() for _ in range(40)]  # of one message
    sender.send(events)
    assert_kept(site, server, sender)
    assert server.runs() == list(map(id_of, events))


def test_a_worker_that_is_killed_in_a_handler_is_replaced(
    celery_site: Any, broker: str
) -> None:
    site, server = celery_site(broker)
    server.hang_file.touch()
    victim = site.work(processes=1)
    body = body_of()
    assert post(server.port, body)[0] == 200
    eventually(lambda: len(server.runs()) == 1)
    victim.kill()
    server.hang_file.unlink()
    site.work()
    if broker.startswith("redis"):
        # It gives back what a dead worker held after an hour; the sweep does not wait.
        eventually(lambda: sweep_now(server) == "Sent 1 task.\n")
    eventually(site.all_done, seconds=60)
    assert server.runs() == [id_of(body)] * 2
