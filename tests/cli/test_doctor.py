"""The doctor: what it finds, and what it says to do about it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask

from flask_ycloud import WebhookBlueprint, on_event, sign, ycloud_bp
from flask_ycloud.inbox import heartbeats
from flask_ycloud.protocol import EVENT_TYPES
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp, needs
from ..processes import Site
from ..support import PATH, SECRET, body_of, call, deliver, eventually
from ..ycloud_api import API_KEY, YCloudAPI

TYPE = "sms.message.updated"


def findings(app: Flask, *options: str) -> dict[str, list[tuple[str, str, str]]]:
    """What it says, by check."""
    result = call(app, "doctor", "--json", *options)
    found = json.loads(result.output)
    bad = any(each["level"] == "bad" for each in found)
    assert result.exit_code == (1 if bad else 0)
    by_check: dict[str, list[tuple[str, str, str]]] = {}
    for each in found:
        words = (each["level"], each["text"], each["remedy"])
        by_check.setdefault(each["check"], []).append(words)
    return by_check


def levels(app: Flask, check: str) -> list[str]:
    return [level for level, *_ in findings(app).get(check, [])]


@pytest.fixture
def listener() -> None:
    on_event(TYPE, name="one")(print)


@pytest.fixture
def healthy(make_app: MakeApp, listener: None) -> Flask:
    """An app whose worker has handled something."""
    app = make_app(YCLOUD_DISPATCH="worker")
    deliver(app, body_of())
    eventually(lambda: runtime_of(app).inbox.list(state="done"))
    eventually(lambda: heartbeats.workers(runtime_of(app).inbox))
    return app


def test_all_is_well(healthy: Flask) -> None:
    result = call(healthy, "doctor")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert {line.split()[0] for line in lines} == {"good", "skipped"}
    for text in (
        "settings    Events are handled by 'worker'.",
        "secret      ycloud has one secret.",
        "handlers    ycloud has handlers for 1 event types.",
        "tables of version 3",
        "A durable write takes ",
        "backlog     0 wait, 0 run, none is overdue.",
        "clock       The quickest of 1 deliveries came ",
        "workers     1 processes handle events.",
        "account     YCLOUD_API_KEY is not set, so",
    ):
        assert text in result.output
    assert SECRET not in result.output


def test_a_remedy_is_shown(app: Flask) -> None:
    lines = call(app, "doctor").output.splitlines()
    wrong = next(n for n, line in enumerate(lines) if line.startswith("bad     handlers"))
    assert lines[wrong].endswith("no handler is subscribed to anything that arrives.")
    assert lines[wrong + 1].strip() == "→ Is the module with @on_event imported?"


def test_a_short_tolerance(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_SIGNATURE_TOLERANCE=300)
    assert "20160 s after the first try" in findings(app)["settings"][1][1]


def test_secrets(make_app: MakeApp) -> None:
    def broken() -> str:
        raise OSError("store.example.org")

    app = make_app(
        ycloud_bp,
        WebhookBlueprint("two", secret_key="TWO"),
        WebhookBlueprint("three", secret_key="THREE"),
        TWO=[SECRET, SECRET],
        THREE=broken,
    )
    found = findings(app)["secret"]
    assert [level for level, *_ in found] == ["good", "good", "bad"]
    assert found[1][1] == "two has 2 secrets."
    assert found[2][1] == "three: THREE raised OSError."


@pytest.mark.filterwarnings("ignore::flask_ycloud.UnknownEventTypeWarning")
def test_handlers(app: Flask) -> None:
    assert levels(app, "handlers") == ["bad"]
    on_event("*", name="all")(print)
    assert (
        findings(app)["handlers"][0][1]
        == f"ycloud has handlers for {len(EVENT_TYPES)} event types."
    )
    on_event("sms.mesage.updated", name="mistyped")(print)
    (found,) = findings(app)["handlers"]
    assert found[0] == "look"
    assert found[1].endswith("not documented by YCloud: sms.mesage.updated.")


def test_an_inbox_that_is_away(make_app: MakeApp) -> None:
    found = findings(make_app(YCLOUD_INBOX_URL="postgresql+psycopg://x@127.0.0.1:9/x"))
    level, text, _ = found["inbox"][0]
    assert level == "bad"
    assert text.startswith("The inbox's database failed: connection ")
    assert text.endswith("(OperationalError).")
    assert "refused" in text
    assert "backlog" not in found
    assert "account" in found, "it looks on"


def test_no_password_is_shown(make_app: MakeApp, postgresql_url: str) -> None:
    url = postgresql_url.replace("postgres@", "postgres:hunter2@")
    output = call(make_app(YCLOUD_INBOX_URL=url), "doctor").output
    assert "postgresql+psycopg://127.0.0.1/test, tables of version" in output
    assert "hunter2" not in output
    assert "search_path" not in output


def test_a_file_that_every_user_of_the_machine_may_read(
    make_app: MakeApp, tmp_path: Path
) -> None:
    file = tmp_path / "inbox.db"
    app = make_app(YCLOUD_INBOX_URL=f"sqlite:///{file}", YCLOUD_DISPATCH="manual")
    deliver(app, body_of())
    assert levels(app, "inbox") == ["good", "good"]
    file.chmod(0o644)
    for each in ("-wal", "-shm"):
        Path(f"{file}{each}").chmod(0o640)
    (level, text, remedy) = findings(app)["inbox"][1]
    assert level == "look"
    assert text == f"Every user of this machine may read {file}."
    assert remedy == f"chmod o-rwx {file}*"


def test_a_slow_write(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_ycloud.cli.doctor._SLOW_WRITE", 0.0)
    assert levels(app, "inbox") == ["good", "look"]


def test_backlog_and_workers(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="manual")
    deliver(app, body_of())
    deliver(app, b"hello")
    found = findings(app)
    assert [level for level, *_ in found["backlog"]] == ["good", "look"]
    assert found["backlog"][1][1] == "1 dead letters."
    assert found["workers"] == [
        (
            "bad",
            "No process handles events; none has signed on.",
            "Start: flask ycloud worker",
        )
    ]
    inbox = runtime_of(app).inbox
    heartbeats.beat(inbox, "a worker")
    inbox.clock = lambda: time.time() + 61
    found = findings(app)
    assert found["backlog"][0][:2] == (
        "bad", "Events have been due for more than 60 s; 1 wait.",
    )  # fmt: skip
    assert found["workers"][0][1].endswith("the last heartbeat was 1 min ago.")


def test_worker_threads_that_have_not_started(make_app: MakeApp) -> None:
    found = findings(make_app(YCLOUD_DISPATCH="worker"))["workers"][0]
    assert found[0] == "bad"
    assert "start with the first request" in found[2]


@pytest.mark.parametrize("offset", [-60, 60])
def test_a_clock_that_is_wrong(app: Flask, offset: int) -> None:
    assert levels(app, "clock") == ["skipped"]
    for late in (0, 30):
        timestamp = int(time.time()) - offset - late
        deliver(app, body_of(), timestamp=timestamp)
    ((level, text, _),) = findings(app)["clock"]
    assert level == "look"
    assert f"came {offset} s after" in text or f"came {offset + 1} s after" in text


# The account.


def endpoint(account: YCloudAPI, **changes: Any) -> None:
    account.endpoints["wh1"] = {
        "id": "wh1",
        "url": f"https://example.org{PATH}",
        "status": "active",
        "secret": SECRET,
        "enabledEvents": [TYPE],
        **changes,
    }


@pytest.fixture
def keyed(make_app: MakeApp, listener: None, account: YCloudAPI) -> Flask:
    return make_app(YCLOUD_API_KEY=API_KEY)


def test_an_account_that_fits(keyed: Flask, account: YCloudAPI) -> None:
    endpoint(account)
    assert findings(keyed)["account"] == [("good", "wh1 is active, and ycloud's.", "")]


def test_nothing_in_the_account_fits(keyed: Flask, account: YCloudAPI) -> None:
    endpoint(account, secret="whsec_another")
    ((level, text, _),) = findings(keyed)["account"]
    assert (level, text) == ("bad", "No endpoint of the account has the secret of ycloud.")


@pytest.mark.parametrize(
    ("changes", "level", "text", "remedy"),
    [
        ({"status": "pending"}, "bad", "wh1 is pending: YCloud sends nothing",
         "flask ycloud endpoints update wh1 --status active"),
        ({"url": f"http://example.org{PATH}"}, "bad", "URL without HTTPS", "--url https://"),
        ({"url": "https://example.org"}, "look",
         "wh1 sends to /; the app listens at /ycloud/webhook", "--url https://"),
        ({"enabledEvents": [TYPE, "contact.created"]}, "look",
         "Subscribed, but without a handler: contact.created.", "--from-handlers"),
        ({"enabledEvents": []}, "look", f"Handled, but not subscribed: {TYPE}.",
         "flask ycloud endpoints update wh1 --from-handlers"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_endpoint(
    keyed: Flask, account: YCloudAPI, changes: dict[str, Any], level: str, text: str,
    remedy: str,
) -> None:  # fmt: skip
    endpoint(account, **changes)
    found = [each for each in findings(keyed)["account"] if each[0] != "good"]
    assert [each[0] for each in found] == [level]
    assert text in found[0][1]
    assert remedy in found[0][2]


def test_a_pattern_is_subscribed_by_any_type_that_it_reaches(
    keyed: Flask, account: YCloudAPI
) -> None:
    on_event("*", "whatsapp.message.*", name="two")(print)
    endpoint(account)
    texts = [text for _, text, _ in findings(keyed)["account"]]
    assert "Handled, but not subscribed: whatsapp.message.*." in texts


def test_a_prefix_of_a_proxy_is_fine(keyed: Flask, account: YCloudAPI) -> None:
    endpoint(account, url=f"https://example.org/api{PATH}")
    assert levels(keyed, "account") == ["good"]


def test_a_key_that_is_refused(make_app: MakeApp, account: YCloudAPI) -> None:
    ((level, text, remedy),) = findings(make_app(YCLOUD_API_KEY="x"))["account"]
    assert level == "bad"
    assert "401 UNAUTHORIZED" in text
    assert remedy == "Is YCLOUD_API_KEY right?"


def test_secrets_that_are_not_text(make_app: MakeApp, account: YCloudAPI) -> None:
    def broken() -> str:
        raise OSError

    app = make_app(
        ycloud_bp,
        WebhookBlueprint("two", secret_key="TWO"),
        YCLOUD_WEBHOOK_SECRET=SECRET.encode(),
        TWO=broken,
        YCLOUD_API_KEY=API_KEY,
    )
    endpoint(account, enabledEvents=[])
    assert levels(app, "account") == ["good"]


# Celery.


def test_no_celery_in_the_app(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    ((level, text, _),) = findings(app)["celery"]
    assert (level, text) == ("bad", "There is no Celery at app.extensions['celery'].")
    app.extensions["celery"] = Celery(set_as_current=False)  # so that the app can end


def test_a_broker_that_is_away(make_app: MakeApp) -> None:
    app = make_app(YCLOUD_DISPATCH="celery")
    app.extensions["celery"] = Celery(broker="redis://127.0.0.1:9/0", set_as_current=False)
    ((level, text, _),) = findings(app)["celery"]
    assert level == "bad"
    assert text.startswith("The broker does not answer (")


def test_a_broker_without_workers(make_app: MakeApp) -> None:
    needs("Redis", 6379)
    app = make_app(YCLOUD_DISPATCH="celery")
    app.extensions["celery"] = Celery(
        broker="redis://127.0.0.1:6379/13", set_as_current=False
    )
    ((level, text, _),) = findings(app)["celery"]
    assert (level, text) == ("bad", "The broker is there, but no worker answers.")


def test_a_celery_worker_answers(make_app: MakeApp, tmp_path: Any) -> None:
    needs("Redis", 6379)
    broker = "redis://127.0.0.1:6379/12"
    app = make_app(YCLOUD_DISPATCH="celery")
    app.extensions["celery"] = Celery(broker=broker, set_as_current=False)
    site = Site(tmp_path, f"sqlite:///{tmp_path}/inbox.db")
    try:
        site.serve(BROKER=broker, QUEUE="doctor", FLASK_YCLOUD_DISPATCH="celery")
        site.work(processes=1)
        eventually(lambda: levels(app, "celery") == ["good"], seconds=40)
    finally:
        site.close()


def test_a_signature_is_kept_for_the_clock(app: Flask) -> None:
    body = body_of()
    headers = {"YCloud-Signature": sign(body, SECRET, timestamp=int(time.time()) - 5)}
    app.test_client().post(PATH, data=body, headers=headers)
    (event,) = runtime_of(app).inbox.list()
    assert event.signed_at is not None
    assert 5 <= (event.received_at - event.signed_at).total_seconds() < 7


@pytest.mark.parametrize(
    ("password", "level"), [("12345678", "look"), ("x" * 14, "look"), ("x" * 15, None)]
)
def test_a_short_password(
    make_app: MakeApp, listener: None, password: str, level: str | None
) -> None:
    found = findings(make_app(YCLOUD_INSPECTOR_PASSWORD=password)).get("password", [])
    assert [each[0] for each in found] == ([level] if level else [])
    assert password not in str(found)
    if found:
        assert found[0][1:] == (
            f"YCLOUD_INSPECTOR_PASSWORD has {len(password)} characters.",
            "15 or more are recommended; make them at random.",
        )
