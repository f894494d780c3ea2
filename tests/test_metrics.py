"""Metrics: what is counted, with which labels, and over several processes."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from flask_ycloud import Discard, Retry, on_event
from flask_ycloud.metrics import Backlog, MetricsBlueprint, metrics_bp
from flask_ycloud.runtime import runtime_of

from .conftest import MakeApp
from .processes import Sender, Site, bodies
from .support import PATH, body_of, deliver, eventually
from .tenants import SECRETS, hooks

TYPE = "sms.message.updated"
REJECTED = "ycloud_deliveries_rejected_total"


class Numbers:
    """The samples of a scrape, and what they were before."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._before = self._scrape()

    def _scrape(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        response = self._app.test_client().get("/ycloud/metrics")
        assert response.status_code == 200
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return self._scrape().get(key, 0.0) - self._before.get(key, 0.0)

    def labels(self, name: str) -> list[dict[str, str]]:
        return [dict(labels) for found, labels in self._scrape() if found == name]


@pytest.fixture
def metered(make_app: MakeApp) -> Flask:
    app = make_app(TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[60])
    app.register_blueprint(metrics_bp, access=lambda: True)
    return app


def test_deliveries(metered: Flask) -> None:
    count = Numbers(metered)
    body = body_of()
    for _ in range(3):
        deliver(metered, body)
    deliver(metered, b"hello")
    metered.test_client().post(PATH, data=b"{}")
    labels = {"endpoint": "ycloud", "type": TYPE}
    assert count("ycloud_events_accepted_total", **labels) == 1
    assert count("ycloud_events_duplicated_total", **labels) == 2
    other = {"endpoint": "ycloud", "type": "other"}
    assert count("ycloud_events_accepted_total", **other) == 1
    refused = {"endpoint": "ycloud", "reason": "missing"}
    assert count("ycloud_deliveries_rejected_total", **refused) == 1
    assert count("ycloud_accept_seconds_count", endpoint="ycloud") == 4
    assert 0 < count("ycloud_accept_seconds_sum", endpoint="ycloud") < 4
    assert count("ycloud_events_ended_total", type="other", state="dead") == 1
    assert count("ycloud_events_ended_total", type=TYPE, state="done") == 1


def test_conflicts(metered: Flask) -> None:
    count = Numbers(metered)
    body = body_of()
    for each in (body, body + b" ", body + b"  "):
        deliver(metered, each)
    labels = {"endpoint": "ycloud", "type": TYPE}
    assert count("ycloud_events_conflicted_total", **labels) == 2
    assert count("ycloud_events_duplicated_total", **labels) == 0
    assert count("ycloud_events_ended_total", type=TYPE, state="dead") == 1
    assert count("ycloud_accept_seconds_count", endpoint="ycloud") == 3


def test_what_is_answered_503(make_app: MakeApp) -> None:
    def lookup(*whose: str | None) -> str:
        raise OSError

    app = make_app(hooks(lookup))
    app.register_blueprint(MetricsBlueprint(access=lambda: True))
    count = Numbers(app)
    deliver(app, body_of(), path="/hooks/acme/webhook")
    labels = {"endpoint": "hooks", "reason": "secret unavailable"}
    assert count("ycloud_deliveries_rejected_total", **labels) == 1
    assert count("ycloud_deliveries_unavailable_total", **labels) == 1


def test_counters_of_troubles_begin_at_zero(metered: Flask) -> None:
    """A rate would miss the first one otherwise."""
    reasons = {each["reason"] for each in Numbers(metered).labels(REJECTED)}
    assert {"mismatch", "stale", "missing", "inbox unavailable"} <= reasons


def test_no_label_names_a_tenant(make_app: MakeApp) -> None:
    app = make_app(hooks())
    app.register_blueprint(MetricsBlueprint(access=lambda: True))
    body = body_of()
    for each in (body, body, body + b" "):
        deliver(app, each, secret=SECRETS["acme"], path="/hooks/acme/webhook")
    deliver(app, body, path="/hooks/acme/webhook")
    assert "acme" not in app.test_client().get("/ycloud/metrics").text


def test_handlers(metered: Flask) -> None:
    def fail(event: object) -> None:
        raise ValueError

    def later(event: object) -> None:
        raise Retry(after=9)

    def drop(event: object) -> None:
        raise Discard("not ours")

    on_event(TYPE, name="good")(lambda event: None)
    for func in (fail, later, drop):
        on_event(TYPE, name=func.__name__)(func)
    count = Numbers(metered)
    deliver(metered, body_of())
    assert count("ycloud_handlers_succeeded_total", type=TYPE, handler="good") == 1
    failed = "ycloud_handlers_failed_total"
    assert count(failed, type=TYPE, handler="fail", last="no") == 1
    assert count(failed, type=TYPE, handler="later", last="no") == 1
    assert count(failed, type=TYPE, handler="drop", last="yes") == 1
    for name in ("good", "fail", "later", "drop"):
        assert count("ycloud_handling_seconds_count", type=TYPE, handler=name) == 1


def test_backlog(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    app.register_blueprint(MetricsBlueprint(access=lambda: True))
    count = Numbers(app)
    deliver(app, body_of())
    deliver(app, b"hello")
    runtime_of(app).inbox.clock = lambda: time.time() + 90
    assert count("ycloud_inbox_events", state="pending") == 1
    assert count("ycloud_inbox_events", state="dead") == 1
    assert 89 < count("ycloud_inbox_oldest_pending_seconds") < 95


def test_a_scrape_while_the_inbox_is_away(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_INBOX_URL="postgresql+psycopg://x@127.0.0.1:9/x")
    (up,) = Backlog(app).collect()
    assert (up.name, [each.value for each in up.samples]) == ("ycloud_inbox_up", [0.0])


def test_pauses_are_shown(metered: Flask) -> None:
    count = Numbers(metered)
    runtime_of(metered).inbox.pause(type="sms.*")
    assert count.labels("ycloud_paused") == [{"kind": "type", "name": "sms.*"}]
    runtime_of(metered).inbox.resume(type="sms.*")
    assert count.labels("ycloud_paused") == []


def test_discarded_dead_letters_leave_the_count(metered: Flask) -> None:
    count = Numbers(metered)
    deliver(metered, b"hello")
    assert count("ycloud_inbox_events", state="dead") == 1
    runtime_of(metered).inbox.select(state="dead").discard("over")
    assert count("ycloud_inbox_events", state="dead") == 0


def test_labels_do_not_grow_with_what_arrives(metered: Flask) -> None:
    count = Numbers(metered)
    for number in range(20):
        deliver(metered, body_of(type=f"made.up.{number}"))
    labels = {"endpoint": "ycloud", "type": "other"}
    assert count("ycloud_events_accepted_total", **labels) == 20
    types = {each["type"] for each in count.labels("ycloud_events_accepted_total")}
    assert not any(each.startswith("made.up") for each in types)


def test_only_apps_that_ask_for_it_are_counted(make_app: MakeApp, metered: Flask) -> None:
    count = Numbers(metered)
    deliver(make_app(), body_of())
    labels = {"endpoint": "ycloud", "type": TYPE}
    assert count("ycloud_events_accepted_total", **labels) == 0


def test_several_processes_are_counted_together(site: Site, tmp_path: Path) -> None:
    (tmp_path / "prometheus").mkdir()
    server = site.serve(
        "--workers", "2", "--threads", "4", METRICS="1",
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "prometheus"),
    )  # fmt: skip
    sender = Sender(server.port, threads=8)

    def both_have_handled_some() -> bool:
        sender.send(bodies(24))
        return len({pid for _, _, pid in server.notes()}) == 2

    eventually(both_have_handled_some)
    eventually(site.all_done)
    count = len(sender.acknowledged)

    def total(name: str) -> float:
        url = f"http://127.0.0.1:{server.port}/ycloud/metrics"
        with urllib.request.urlopen(url, timeout=10) as response:
            text = response.read().decode()
        families = text_string_to_metric_families(text)
        samples = [each for family in families for each in family.samples]
        return sum(each.value for each in samples if each.name == name)

    assert total("ycloud_events_accepted_total") == count
    eventually(lambda: total("ycloud_handlers_succeeded_total") == count)
    assert total("ycloud_inbox_events") == 0


def test_the_numbers_of_other_processes(
    metered: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, where coverage sees it: here is nothing of other processes."""
    deliver(metered, body_of())
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    text = metered.test_client().get("/ycloud/metrics").text
    assert "ycloud_events_accepted_total" not in text
    assert 'ycloud_inbox_events{state="pending"} 0.0' in text
