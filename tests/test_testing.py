"""The fake YCloud: what users test their apps with."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask, Response, current_app, request
from werkzeug.serving import make_server

from flask_ycloud import (
    ConfigurationError,
    Event,
    Retry,
    UnknownTenant,
    WebhookBlueprint,
    current_inbox,
    on_event,
    ycloud_bp,
)
from flask_ycloud import testing as fake
from flask_ycloud.payloads import Sms
from flask_ycloud.runtime import runtime_of
from flask_ycloud.testing import FakeYCloud, sample_event

from .conftest import MakeApp
from .processes import Site
from .support import PATH, SECRET, eventually
from .tenants import SECRETS, hooks

TYPE = "sms.message.updated"
INBOUND = "whatsapp.inbound_message.received"


def test_samples_with_changes() -> None:
    event = sample_event(TYPE, status="failed", **{"event.id": "evt_123456"})
    assert (event["id"], event["sms"]["status"]) == ("evt_123456", "failed")
    event = sample_event(INBOUND, **{"text.body": "Hello", "context.id": "wamid.1"})
    message = event["whatsappInboundMessage"]
    assert (message["text"], message["context"]) == ({"body": "Hello"}, {"id": "wamid.1"})
    event = sample_event(
        INBOUND,
        variant="contacts",
        **{"contacts.0.name.first_name": "Ada", "contacts.0": {}},
    )
    assert event["whatsappInboundMessage"]["contacts"] == [{}]


def test_a_sample_without_data_of_its_own_is_changed_itself() -> None:
    event = sample_event("whatsapp.smb.history", variant="progress", progress="50")
    assert event["progress"] == "50"


def test_unknown_samples() -> None:
    with pytest.raises(LookupError, match="did you mean"):
        sample_event("sms.mesage.updated")
    with pytest.raises(LookupError, match=r"No variant 'x'.*there is audio, button"):
        sample_event(INBOUND, variant="x")


def test_a_users_test_is_three_lines(app: Flask) -> None:
    seen: list[Any] = []
    on_event(TYPE, name="one")(lambda event: seen.append(event.data["status"]))

    ycloud = FakeYCloud(app)
    assert ycloud.send(TYPE, status="failed").acknowledged
    assert seen == ["failed"]

    assert ycloud.deliveries[0].event["sms"]["status"] == "failed"
    assert ycloud.deliveries[0].status == 200


def test_a_handlers_own_error_is_seen(app: Flask) -> None:
    @on_event(TYPE)
    def fail(event: Event[Sms]) -> None:
        raise LookupError("see me")

    with pytest.raises(LookupError, match="see me"):
        FakeYCloud(app).send(TYPE)


def test_the_id_of_the_endpoint_is_sent(app: Flask) -> None:
    seen: list[str | None] = []

    @app.before_request
    def look() -> None:
        seen.append(request.headers.get("X-Webhook-Endpoint-ID"))

    FakeYCloud(app).send(TYPE)
    FakeYCloud(app, endpoint_id="wh_mine").deliver([TYPE])
    FakeYCloud(app, endpoint_id=None).send(TYPE)
    usual, mine, none = seen
    assert re.fullmatch(r"wh[0-9a-f]{24}", str(usual))
    assert (mine, none) == ("wh_mine", None)


def test_whole_events_and_raw_bodies(app: Flask) -> None:
    ycloud = FakeYCloud(app)
    event = sample_event(TYPE)
    assert ycloud.send(event).answers[0].text == '{"status": "accepted"}'
    assert ycloud.send(event).answers[0].text == '{"status": "duplicate"}'
    assert ycloud.send(b"hello").acknowledged
    for changes in ({"variant": "image"}, {"status": "failed"}):
        with pytest.raises(TypeError, match="sent as they are"):
            ycloud.send(event, **changes)
    with app.app_context():
        assert len(current_inbox.list(state="dead")) == 1


def test_another_endpoint(make_app: MakeApp) -> None:
    app = make_app(
        WebhookBlueprint("one"), WebhookBlueprint("two", secret_key="TWO"), TWO="2"
    )
    FakeYCloud(app, endpoint="two").send(TYPE)
    assert runtime_of(app).inbox.list()[0].endpoint == "two"
    assert FakeYCloud(app, secret="wrong").send(TYPE).status == 401


@pytest.mark.parametrize("arguments", [{}, {"url": "http://127.0.0.1/"}])
def test_what_it_needs(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="FakeYCloud"):
        FakeYCloud(**arguments)


# Like the real one.


@pytest.fixture
def flaky(make_app: MakeApp) -> tuple[Flask, list[int]]:
    """An app in front of which something answers 503 while the list has a number in it."""
    app = make_app()
    rejections: list[int] = []

    @app.before_request
    def refuse() -> Response | None:
        if rejections:
            return Response(status=rejections.pop())
        return None

    return app, rejections


def test_it_sends_again_on_the_documented_schedule(flaky: tuple[Flask, list[int]]) -> None:
    app, rejections = flaky
    ycloud = FakeYCloud(app)
    rejections += [500, 503, 404]
    (delivery,) = ycloud.deliver([TYPE])
    assert [answer.status for answer in delivery.answers] == [404, 503, 500, 200]
    assert ycloud.now == 10 + 30 + 300


def test_it_gives_up_after_seven_retries(flaky: tuple[Flask, list[int]]) -> None:
    app, rejections = flaky
    ycloud = FakeYCloud(app)
    rejections += [503] * 20
    (delivery,) = ycloud.deliver([TYPE])
    assert len(delivery.answers) == 8
    assert not delivery.acknowledged
    assert ycloud.now == sum(fake.RETRY_DELAYS) == 5 * 3600 + 36 * 60 - 20


# What fails too often.


@pytest.fixture
def wrong(app: Flask) -> Callable[..., FakeYCloud]:
    """Makes YClouds that sign with another secret, and so get 401s."""
    return partial(FakeYCloud, app, secret="wrong")


def test_a_url_that_fails_too_often_is_suspended(flaky: tuple[Flask, list[int]]) -> None:
    app, rejections = flaky
    ycloud = FakeYCloud(app)
    rejections += [503] * 200
    made = ycloud.deliver([TYPE] * 250)
    assert ycloud.now == fake.SUSPENDED_SECONDS, "nothing was sent meanwhile"
    assert [delivery.acknowledged for delivery in made] == [True] * 200 + [False] * 50
    assert ycloud.unsent == made[200:], "YCloud promises no backfill"
    assert not any(delivery.sent or delivery.status for delivery in ycloud.unsent)


def test_what_is_created_meanwhile_may_be_sent_afterwards(
    flaky: tuple[Flask, list[int]],
) -> None:
    app, rejections = flaky
    ycloud = FakeYCloud(app, backfill=True)
    rejections += [503] * 200
    made = ycloud.deliver([TYPE] * 250)
    assert all(delivery.acknowledged for delivery in made)
    assert (ycloud.now, ycloud.unsent) == (fake.SUSPENDED_SECONDS, [])


def test_what_is_created_after_a_suspension_is_sent(
    flaky: tuple[Flask, list[int]],
) -> None:
    app, rejections = flaky
    ycloud = FakeYCloud(app)
    rejections += [503] * 200
    made = ycloud.deliver([TYPE] * 900, every=0.25)
    # 120 first attempts and 80 retries fail. It is suspended from 29.75 s to 209.75 s.
    assert ycloud.unsent == made[120:839]
    assert all(delivery.acknowledged for delivery in made[:120] + made[839:])


def test_slow_failures_suspend_it_sooner(
    flaky: tuple[Flask, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes of failing within one minute: twenty attempts of 30 s each."""
    clock = itertools.count(step=30)
    monkeypatch.setattr("flask_ycloud.testing.routes.perf_counter", lambda: next(clock))
    app, rejections = flaky
    ycloud = FakeYCloud(app)
    rejections += [503] * 20
    ycloud.deliver([TYPE] * 21)
    assert (len(ycloud.unsent), ycloud.now) == (1, fake.SUSPENDED_SECONDS)


def test_frequent_failures_turn_the_endpoint_pending(
    wrong: Callable[..., FakeYCloud], app: Flask
) -> None:
    ycloud = wrong(pending_after_suspensions=2)
    made = ycloud.deliver([TYPE] * 200)
    assert ycloud.status == "pending"
    assert {len(delivery.answers) for delivery in made} == {2}, "no more retries"
    ycloud.secret = SECRET
    assert not ycloud.send(TYPE).sent
    assert not any(delivery.sent for delivery in ycloud.deliver([TYPE] * 3))

    ycloud.activate()
    assert ycloud.send(TYPE).acknowledged
    later = ycloud.deliver(delivery.body for delivery in ycloud.unsent)
    assert len(later) == 4
    assert ycloud.now < 2 * fake.SUSPENDED_SECONDS, "still suspended"
    assert not any(delivery.sent for delivery in later)
    ycloud.now = 2 * fake.SUSPENDED_SECONDS
    later = ycloud.deliver(delivery.body for delivery in ycloud.unsent)
    assert all(delivery.acknowledged for delivery in later)


def test_by_default_it_stays_active(wrong: Callable[..., FakeYCloud]) -> None:
    ycloud = wrong()
    made = ycloud.deliver([TYPE] * 200)
    assert ycloud.status == "active"
    assert {len(delivery.answers) for delivery in made} == {8}


def test_a_disabled_endpoint_is_sent_nothing(app: Flask) -> None:
    ycloud = FakeYCloud(app)
    ycloud.status = "disabled"
    assert not ycloud.send(TYPE).sent
    assert not ycloud.deliver([TYPE])[0].sent
    assert runtime_of(app).inbox.list() == []


def test_failures_of_more_than_a_minute_ago_do_not_count(
    flaky: tuple[Flask, list[int]],
) -> None:
    app, rejections = flaky
    ycloud = FakeYCloud(app)
    for _ in range(3):
        rejections += [503] * 100
        assert all(each.acknowledged for each in ycloud.deliver([TYPE] * 100))
        ycloud.now += 61
    assert ycloud.now == 3 * (10 + 61), "it was never suspended"


def test_a_conflict_is_the_same_id_with_another_body(app: Flask) -> None:
    ycloud = FakeYCloud(app)
    first = ycloud.send(TYPE, status="delivered")
    second = ycloud.send_conflict(first, status="undelivered")
    assert second.event["id"] == first.event["id"]
    assert second.event["sms"]["status"] == "undelivered"
    assert second.answers[0].text == '{"status": "conflict"}'
    assert second.acknowledged
    assert ycloud.deliveries == [first, second]


def test_a_tenant_has_a_path_and_a_secret(make_app: MakeApp) -> None:
    asked: list[tuple[str | None, str | None]] = []

    def lookup(tenant: str | None, endpoint_id: str | None) -> Any:
        asked.append((tenant, endpoint_id))
        return current_app.config["SECRETS"].get(tenant)

    app = make_app(ycloud_bp, hooks(lookup), SECRETS=SECRETS)
    seen: list[tuple[str | None, str | None]] = []
    on_event(TYPE, name="one")(lambda event: seen.append((event.tenant, event.endpoint_id)))
    acme = FakeYCloud(app, endpoint="hooks", tenant="acme", endpoint_id="wh1")
    assert asked == [("acme", "wh1")]
    event = sample_event(TYPE)
    assert acme.send(event).status == 200
    assert FakeYCloud(app, endpoint="hooks", tenant="beta").send(event).status == 200
    assert [tenant for tenant, _ in seen] == ["acme", "beta"]
    assert seen[0] == ("acme", "wh1")
    forged = FakeYCloud(app, endpoint="hooks", tenant="beta", secret=SECRETS["acme"])
    assert forged.send(event).status == 401
    stranger = FakeYCloud(app, endpoint="hooks", tenant="gamma", secret="any")
    assert stranger.send(event).status == 401


def test_a_tenant_that_is_not_there(make_app: MakeApp) -> None:
    app = make_app(hooks(), ycloud_bp)
    with pytest.raises(UnknownTenant):
        FakeYCloud(app, tenant="gamma")
    with pytest.raises(ConfigurationError, match="say which tenant"):
        FakeYCloud(app)
    with pytest.raises(ConfigurationError, match="takes no tenant"):
        FakeYCloud(app, endpoint="ycloud", tenant="acme")


def test_a_conflict_needs_another_body(app: Flask) -> None:
    ycloud = FakeYCloud(app)
    first = ycloud.send(TYPE, status="delivered")
    with pytest.raises(ValueError, match="needs a change"):
        ycloud.send_conflict(first, status="delivered")
    with pytest.raises(LookupError, match="leads nowhere"):
        ycloud.send_conflict(first, **{"status.x": 1})


def test_it_sends_twice_and_in_any_order(app: Flask) -> None:
    seen: list[str] = []
    on_event(TYPE, name="one")(lambda event: seen.append(event.id))
    events = [sample_event(TYPE) for _ in range(50)]
    made = FakeYCloud(app).deliver(events, duplicates=0.3, shuffled=True, seed=1)
    answers = [answer.text for delivery in made for answer in delivery.answers]
    assert answers.count('{"status": "accepted"}') == 50
    assert 5 < answers.count('{"status": "duplicate"}') < 25
    ids = [event["id"] for event in events]
    assert seen != ids
    assert sorted(seen) == sorted(ids)


def test_time_may_be_scaled(flaky: tuple[Flask, list[int]], monkeypatch: Any) -> None:
    slept: list[float] = []
    monkeypatch.setattr("flask_ycloud.testing.fake.time.sleep", slept.append)
    app, rejections = flaky
    rejections += [503, 503]
    FakeYCloud(app, time_scale=0.01).deliver([TYPE])
    assert slept == [pytest.approx(0.1), pytest.approx(0.3)]


def test_a_rotation_loses_nothing(make_app: MakeApp) -> None:
    """The new secret beside the old, then the old one away."""
    store: list[str] = [SECRET]
    app = make_app(YCLOUD_WEBHOOK_SECRET=lambda: store)
    ycloud = FakeYCloud(app)
    assert ycloud.send(TYPE).acknowledged
    old = ycloud.secret
    store.append(ycloud.rotate_secret())
    assert ycloud.send(TYPE).acknowledged
    store.remove(str(old))
    assert ycloud.send(TYPE).acknowledged
    assert FakeYCloud(app, secret=old).send(TYPE).status == 401


def test_over_http(make_app: MakeApp) -> None:
    app = make_app()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    release = threading.Event()
    try:
        url = f"http://127.0.0.1:{server.server_port}/ycloud/webhook"
        ycloud = FakeYCloud(url=url, secret=SECRET)
        assert ycloud.send(TYPE).acknowledged
        assert FakeYCloud(url=url, secret="wrong").send(TYPE).status == 401

        @on_event("contact.created", name="slow")
        def slow(event: Event[Any]) -> None:
            assert release.wait(10)

        hasty = FakeYCloud(url=url, secret=SECRET, timeout=0.05)
        delivery = hasty.send("contact.created")
        assert (delivery.status, delivery.acknowledged) == (0, False)
    finally:
        release.set()
        server.shutdown()
        thread.join()
        server.server_close()


def test_gunicorn_is_away_for_a_while(site: Site) -> None:
    """Real sockets, a real outage, duplicates and any order: each is handled once."""
    server = site.serve("--threads", "4")
    url = f"http://127.0.0.1:{server.port}{PATH}"
    ycloud = FakeYCloud(url=url, secret=SECRET, time_scale=0.05)
    events = [sample_event(name) for name in (TYPE, INBOUND) for _ in range(20)]
    server.kill()
    sending = threading.Thread(
        target=ycloud.deliver, args=(events,), kwargs={"duplicates": 0.3, "shuffled": True}
    )
    sending.start()
    eventually(lambda: len([each for each in ycloud.deliveries if each.answers]) == 40)
    server.start()
    sending.join(60)
    assert all(delivery.acknowledged for delivery in ycloud.deliveries)
    assert {delivery.answers[0].status for delivery in ycloud.deliveries} == {0}
    eventually(site.all_done)
    assert sorted(server.runs()) == sorted(event["id"] for event in events)


def test_retries_of_ours_meet_retries_of_theirs(app: Flask) -> None:
    """A handler that asks for more time is not run again by a redelivery."""
    runs: list[int] = []

    @on_event(TYPE)
    def later(event: Event[Sms]) -> None:
        runs.append(event.attempt)
        raise Retry(after=60)

    FakeYCloud(app).deliver([TYPE], duplicates=1.0)
    assert runs == [1]
