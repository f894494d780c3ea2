"""Many accounts, one endpoint: whose delivery it is, and which secret verifies it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask

from flask_ycloud import (
    ConfigurationError,
    Event,
    WebhookBlueprint,
    current_inbox,
    event_accepted,
    event_conflicted,
    event_dead,
    on_event,
    sign,
    ycloud_bp,
)
from flask_ycloud.inbox import rejected
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, id_of, listening

TYPE = "sms.message.updated"
Lookup = Callable[[str | None, str | None], Any]


class Accounts:
    """The app's own table of its customers and their secrets."""

    def __init__(self, **secrets: Any) -> None:
        self.secrets: dict[str, Any] = secrets
        self.asked: list[tuple[str | None, str | None]] = []

    def __call__(self, tenant: str | None, endpoint_id: str | None) -> Any:
        self.asked.append((tenant, endpoint_id))
        found = self.secrets.get(str(tenant))
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(acme="whsec_acme", beta=["whsec_old", "whsec_new"])


@pytest.fixture
def hooks(make_app: MakeApp, accounts: Accounts) -> Flask:
    return make_app(
        WebhookBlueprint("hooks", url_prefix="/hooks/<tenant>", secrets=accounts)
    )


def send(
    app: Flask,
    tenant: str,
    secret: str,
    body: bytes | None = None,
    endpoint_id: str | None = None,
) -> Any:
    body = body_of() if body is None else body
    return app.test_client().post(
        f"/hooks/{tenant}/webhook",
        data=body,
        headers={"YCloud-Signature": sign(body, secret)}
        | ({} if endpoint_id is None else {"X-Webhook-Endpoint-ID": endpoint_id}),
    )


def counted(app: Flask) -> dict[tuple[str, str], int]:
    runtime_of(app).rejections.write()
    return rejected(runtime_of(app).inbox)


def test_each_tenant_has_its_own_secret_and_its_own_ids(hooks: Flask) -> None:
    seen: list[tuple[str | None, str | None]] = []
    on_event(TYPE, name="all")(lambda event: seen.append((event.tenant, event.endpoint_id)))
    body = body_of()
    sent = [
        send(hooks, "acme", "whsec_acme", body),
        send(hooks, "beta", "whsec_new", body),
        send(hooks, "beta", "whsec_old", body, endpoint_id="wh1"),
        send(hooks, "beta", "whsec_acme", body),
    ]
    answers = [answer.json.get("status") for answer in sent]
    assert answers == ["accepted", "accepted", "duplicate", 401]
    assert seen == [("acme", None), ("beta", None)]


def test_the_id_of_the_endpoint_is_a_hint_that_reaches_handler_and_inbox(
    hooks: Flask, accounts: Accounts
) -> None:
    seen: list[Event[Any]] = []
    on_event("*", name="all")(seen.append)
    known = "wh627c8640675de8fc689ab9d9"
    assert send(hooks, "acme", "whsec_acme", endpoint_id=known).status_code == 200
    assert accounts.asked == [("acme", "wh627c8640675de8fc689ab9d9")]
    assert seen[0].endpoint_id == "wh627c8640675de8fc689ab9d9"
    with hooks.app_context():
        (stored,) = current_inbox.list(tenant="acme")
    assert stored.endpoint_id == seen[0].endpoint_id
    for odd in ("x" * 256, "", "a\x7fb"):
        send(hooks, "acme", "whsec_acme", endpoint_id=odd)
        assert seen[-1].endpoint_id is None, "it is not signed: it is left aside"


def test_a_tenant_that_comes_and_one_that_goes(hooks: Flask, accounts: Accounts) -> None:
    """Without a restart; what is stored of one who goes is still handled."""
    seen: list[str | None] = []
    dispatcher: Any = runtime_of(hooks).dispatcher
    wake, dispatcher.wake = dispatcher.wake, lambda event: None
    on_event(TYPE, name="all")(lambda event: seen.append(event.tenant))
    assert send(hooks, "gamma", "whsec_g").status_code == 401
    accounts.secrets["gamma"] = "whsec_g"
    body = body_of()
    assert send(hooks, "gamma", "whsec_g", body).status_code == 200
    del accounts.secrets["gamma"]
    assert send(hooks, "gamma", "whsec_g").status_code == 401
    assert seen == []
    with hooks.app_context():
        stored = current_inbox.get(id_of(body))
    assert stored is not None
    wake(stored.identity)
    assert seen == ["gamma"]


def test_an_unknown_tenant_is_a_counted_401(hooks: Flask) -> None:
    for tenant in ("nobody", "%00", "a%0Ab", "x" * 256):
        response = send(hooks, tenant, "whsec_acme")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "YCloud-Signature"
    assert counted(hooks) == {("hooks", "unknown tenant"): 4}


def test_nobody_is_asked_for_a_secret_without_a_header_that_could_be_right(
    hooks: Flask, accounts: Accounts
) -> None:
    client = hooks.test_client()
    for header in (None, "t=1", "s=" + "0" * 64, "t=1,s=XY", "nonsense"):
        headers = {} if header is None else {"YCloud-Signature": header}
        assert (
            client.post("/hooks/acme/webhook", data=b"x", headers=headers).status_code
            == 401
        )
    assert accounts.asked == []


def test_a_lookup_that_raises_is_a_503_that_is_counted(
    hooks: Flask, accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    accounts.secrets["acme"] = LookupError("whsec_acme is in the text")
    response = send(hooks, "acme", "whsec_acme")
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    raised = "The function secrets= of endpoint 'hooks' raised LookupError at"
    assert re.search(rf"{raised} \S+\.py:\d+ in \w+\.", caplog.text)
    assert "whsec_acme" not in caplog.text
    accounts.secrets["acme"] = 7
    assert send(hooks, "acme", "whsec_acme").status_code == 503
    assert counted(hooks) == {("hooks", "secret unavailable"): 2}


def test_a_lookup_may_be_async(make_app: MakeApp) -> None:
    async def lookup(tenant: str | None, endpoint_id: str | None) -> str | None:
        return f"whsec_{tenant}" if tenant == "acme" else None

    app = make_app(WebhookBlueprint("hooks", url_prefix="/hooks/<tenant>", secrets=lookup))
    assert send(app, "acme", "whsec_acme").status_code == 200
    assert send(app, "beta", "whsec_beta").status_code == 401


def test_a_lookup_by_the_id_of_the_endpoint(make_app: MakeApp) -> None:
    """One URL for several endpoints of YCloud, without tenants."""
    secrets = {"wh1": "whsec_1", "wh2": "whsec_2"}

    def lookup(tenant: str | None, endpoint_id: str | None) -> str:
        return secrets[str(endpoint_id)]

    app = make_app(WebhookBlueprint("shared", secrets=lookup))
    body = body_of()
    headers = {"YCloud-Signature": sign(body, "whsec_2"), "X-Webhook-Endpoint-ID": "wh2"}
    client = app.test_client()
    assert client.post("/shared/webhook", data=body, headers=headers).status_code == 200
    headers["X-Webhook-Endpoint-ID"] = "wh1"
    assert client.post("/shared/webhook", data=body, headers=headers).status_code == 401


# -- how long an answer is used --------------------------------------------------------


class Time:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("flask_ycloud.signing_secrets.time.monotonic", lambda: self.now)


def cached(make_app: MakeApp, accounts: Accounts, ttl: float = 60) -> Flask:
    blueprint = WebhookBlueprint(
        "hooks", url_prefix="/hooks/<tenant>", secrets=accounts, secrets_ttl=ttl
    )
    return make_app(blueprint)


def test_it_is_asked_each_time_unless_the_app_says_for_how_long_not(
    hooks: Flask, accounts: Accounts
) -> None:
    for _ in range(3):
        send(hooks, "acme", "whsec_acme")
    assert len(accounts.asked) == 3


def test_an_answer_is_used_for_as_long_as_the_app_says(
    make_app: MakeApp, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Time(monkeypatch)
    app = cached(make_app, accounts)
    for _ in range(3):
        assert send(app, "acme", "whsec_acme").status_code == 200
    assert len(accounts.asked) == 1
    clock.now += 61
    send(app, "acme", "whsec_acme")
    assert len(accounts.asked) == 2


def test_a_rotated_secret_is_asked_for_at_the_first_mismatch(
    make_app: MakeApp, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Time(monkeypatch)
    app = cached(make_app, accounts)
    send(app, "acme", "whsec_acme")
    clock.now += 10
    accounts.secrets["acme"] = "whsec_rotated"
    assert send(app, "acme", "whsec_rotated").status_code == 200
    assert len(accounts.asked) == 2


def test_forgeries_keep_no_old_secret_alive(
    make_app: MakeApp, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do they keep the new one out."""
    clock = Time(monkeypatch)
    app = cached(make_app, accounts, ttl=10)
    send(app, "acme", "whsec_acme")
    accounts.secrets["acme"] = "whsec_rotated"
    for _ in range(20):
        clock.now += 2.6
        assert send(app, "acme", "whsec_forged").status_code == 401
    assert send(app, "acme", "whsec_acme").status_code == 401
    assert send(app, "acme", "whsec_rotated").status_code == 200
    del accounts.secrets["acme"]
    clock.now += 6
    assert send(app, "acme", "whsec_forged").status_code == 401
    assert send(app, "acme", "whsec_rotated").status_code == 401, "it was removed"


def test_forgeries_ask_no_more_than_every_five_seconds(
    make_app: MakeApp, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Time(monkeypatch)
    app = cached(make_app, accounts)
    send(app, "acme", "whsec_acme")
    for _ in range(20):
        clock.now += 1
        assert send(app, "acme", "whsec_forged").status_code == 401
    assert len(accounts.asked) <= 1 + 20 // 5
    assert send(app, "acme", "whsec_acme").status_code == 200, "the real one still fits"


def test_forgeries_fill_no_memory(
    make_app: MakeApp, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = cached(make_app, accounts)
    secrets = runtime_of(app).endpoints["hooks"].secrets
    for number in range(5):
        forged = send(app, "acme", "whsec_forged", endpoint_id=f"wh{number}")
        assert forged.status_code == 401
    assert len(secrets._kept) == 0
    monkeypatch.setattr("flask_ycloud.signing_secrets._MOST_KEPT", 3)
    for number in range(5):
        send(app, "acme", "whsec_acme", endpoint_id=f"wh{number}")
    assert len(secrets._kept) == 3


# -- what is refused at registration ---------------------------------------------------


def test_the_variable_is_called_tenant(make_app: MakeApp, accounts: Accounts) -> None:
    for prefix in ("/hooks/<customer>", "/<region>/<tenant>"):
        with pytest.raises(ConfigurationError, match=r"may have is <tenant>; got <"):
            make_app(WebhookBlueprint("hooks", url_prefix=prefix, secrets=accounts))


def test_a_tenant_in_the_path_needs_a_lookup(make_app: MakeApp) -> None:
    with pytest.raises(ConfigurationError, match="Pass a function: secrets="):
        make_app(WebhookBlueprint("hooks", url_prefix="/hooks/<tenant>"))


def test_a_prefix_that_is_given_at_registration_counts(accounts: Accounts) -> None:
    app = Flask("late")
    app.testing = True
    late = WebhookBlueprint("late", secrets=accounts)
    app.register_blueprint(late, url_prefix="/hooks/<string:tenant>")
    assert send(app, "acme", "whsec_acme").status_code == 200
    parent = Blueprint("parent", __name__, url_prefix="/of/<customer>")
    parent.register_blueprint(WebhookBlueprint("child", secrets=accounts))
    with pytest.raises(ConfigurationError, match="got <customer>"):
        Flask("nested").register_blueprint(parent)


@pytest.mark.parametrize("tenant", ["<int:tenant>", "<uuid:tenant>", "<path:tenant>"])
def test_any_converter_gives_a_text(make_app: MakeApp, tenant: str) -> None:
    name = {"<int:tenant>": "7", "<path:tenant>": "a/b"}.get(
        tenant, "12345678-1234-5678-1234-567812345678"
    )
    accounts = Accounts(**{name: "whsec_x"})
    app = make_app(WebhookBlueprint("h", url_prefix=f"/hooks/{tenant}", secrets=accounts))
    assert send(app, name, "whsec_x").status_code == 200
    with app.app_context():
        assert [event.tenant for event in current_inbox.list()] == [name]


@pytest.mark.parametrize("secrets", ["whsec_x", 7, ["a"]])
def test_secrets_is_a_function(secrets: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"called as lookup\(tenant, endpoint_id\)"
    ) as e:
        WebhookBlueprint("hooks", secrets=secrets)
    assert "whsec" not in str(e.value)


@pytest.mark.parametrize("ttl", [-1, True, "60", float("inf"), float("nan")])
def test_secrets_ttl_is_a_number_of_seconds(ttl: Any) -> None:
    with pytest.raises(ConfigurationError, match="expected seconds"):
        WebhookBlueprint("hooks", secrets=Accounts(), secrets_ttl=ttl)


# -- what is told ----------------------------------------------------------------------


def test_signals_and_the_log_name_the_tenant(
    hooks: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with listening(event_accepted, event_dead) as told:
        send(hooks, "acme", "whsec_acme", b"not JSON")
    assert [details["tenant"] for _, details in told] == ["acme", "acme"]
    (record,) = (each for each in caplog.records if "dead letter" in each.message)
    assert vars(record)["tenant"] == "acme"
    assert "acme" not in record.getMessage()


def test_nobody_takes_an_event_of_another_endpoint_away(make_app: MakeApp) -> None:
    """Whoever holds one endpoint's secret may guess ids of another's events."""
    orders = WebhookBlueprint("orders", secret_key="A")
    support = WebhookBlueprint("support", secret_key="B")
    seen: list[str] = []
    orders.on_event("*", name="orders")(lambda event: seen.append(event.endpoint))
    app = make_app(orders, support, A="whsec_a", B="whsec_b")
    taken = body_of()
    assert deliver(app, taken, path="/support/webhook", secret="whsec_b").status_code == 200
    real = deliver(app, taken, path="/orders/webhook", secret="whsec_a")
    assert real.json == {"status": "accepted"}
    assert seen == ["orders"]


def test_another_body_of_a_known_id_is_kept_counted_and_told(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(ycloud_bp)
    body = body_of()
    other = body.replace(b"}", b" }")
    with listening(event_accepted, event_conflicted, event_dead) as told:
        answers = [deliver(app, each).json for each in (body, other, other, body)]
    assert [answer["status"] for answer in answers if answer] == [
        "accepted",
        "conflict",
        "conflict",
        "duplicate",
    ]
    names = [name for name, _ in told]
    assert names == ["event-accepted", "event-conflicted", "event-dead", "event-conflicted"]
    assert [told[1][1]["conflict_id"], told[3][1]["conflict_id"]] == [body_id(other), None]
    assert told[2][1]["event_id"] == body_id(other)
    with app.app_context():
        event, dead = current_inbox.get(id_of(body)), current_inbox.get(body_id(other))
    assert event is not None
    assert dead is not None
    assert (event.body, event.conflict_id, event.state) == (body, dead.id, "done")
    assert (dead.body, dead.state) == (other, "dead")
    assert counted(app) == {("ycloud", "conflict"): 2}
    records = [each for each in caplog.records if "another body" in each.message]
    assert len(records) == 1, "once for each id"


def test_both_endpoints_of_an_account_get_the_event(make_app: MakeApp) -> None:
    first = WebhookBlueprint("first", secret_key="A")
    second = WebhookBlueprint("second", secret_key="B")
    seen: list[str] = []
    on_event("*", name="all")(lambda event: seen.append("all"))
    first.on_event("*", name="own")(lambda event: seen.append(event.endpoint))
    app = make_app(first, second, A="a", B="b")
    body = body_of()
    deliver(app, body, path="/first/webhook", secret="a")
    deliver(app, body, path="/second/webhook", secret="b")
    assert sorted(seen) == ["all", "all", "first"]
