"""Names in the environment and in the config that have no effect, and what was meant."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_ycloud import ConfigurationError, WebhookBlueprint, ycloud_bp
from flask_ycloud.environment import overridden, unread
from flask_ycloud.runtime import runtime_of
from flask_ycloud.settings import KEYS

from .cli.support import findings
from .conftest import MakeApp
from .support import SECRET, body_of, deliver

READ_IT = "app.config.from_prefixed_env() before app.register_blueprint()."
MISSING = "is in the environment, but app.config does not have it."
NO_SETTING = "not a setting, so it has no effect."


def told(config: dict[str, Any], **environ: str) -> list[str]:
    return [str(each) for each in unread(config, KEYS | {"EU_SECRET"}, environ)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "YCLOUD_INBOX_URL",
            f"{MISSING} Name it FLASK_YCLOUD_INBOX_URL, and call {READ_IT}",
        ),
        ("FLASK_YCLOUD_INBOX_URL", f"{MISSING} Call {READ_IT}"),
        ("EU_SECRET", f"{MISSING} Name it FLASK_EU_SECRET, and call {READ_IT}"),
        (
            "YCLOUD_RETRY_DELAY",
            f"in the environment is {NO_SETTING} Did you mean FLASK_YCLOUD_RETRY_DELAYS?",
        ),
        (
            "FLASK_YCLOUD_INBOX_ULR",
            f"in the environment is {NO_SETTING} Did you mean FLASK_YCLOUD_INBOX_URL?",
        ),
        (
            "FLASK_YCLOUD_COLOUR",
            f"in the environment is {NO_SETTING} See the page on configuration.",
        ),
    ],
)
def test_variables_that_are_not_read(name: str, expected: str) -> None:
    (text,) = told({}, **{name: "hunter2"})
    assert text == f"{name} {expected}"


@pytest.mark.parametrize(
    "name",
    ["YCLOUD_COLOUR", "YCLOUD_SERVICE_HOST", "YCLOUD_PORT", "YCLOUD_URL", "FLASK_DEBUG"],
)
def test_variables_of_others(name: str) -> None:
    """Kubernetes makes some for a service that is called ycloud."""
    assert told({}, **{name: "x"}) == []


def test_variables_that_are_read_or_empty() -> None:
    config = {"YCLOUD_INBOX_URL": "sqlite://", "YCLOUD_COLOUR": "red"}
    assert told(config, FLASK_YCLOUD_INBOX_URL="sqlite://", FLASK_YCLOUD_COLOUR="red") == []
    assert told({}, FLASK_YCLOUD_INBOX_URL="") == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("YCLOUD_RETRY_DELAY", "YCLOUD_RETRY_DELAYS"),
        ("YCLOUD_WEBHOOK_SECERT", "YCLOUD_WEBHOOK_SECRET"),
        ("YCLOUD_SECRET", "YCLOUD_WEBHOOK_SECRET"),
        ("YCLOUD_THREADS", "YCLOUD_WORKER_THREADS"),
        ("YCLOUD_TOLERANCE", "YCLOUD_SIGNATURE_TOLERANCE"),
        ("YCLOUD_PASSWORD", "YCLOUD_INSPECTOR_PASSWORD"),
    ],
)
def test_misspelt_keys(wrong: str, right: str) -> None:
    found = unread({wrong: "hunter2"}, KEYS | {"YCLOUD_WEBHOOK_SECRET"}, {})
    assert [str(each) for each in found] == [
        f"{wrong} in app.config is {NO_SETTING} Did you mean {right}?"
    ]


def test_keys_of_the_app() -> None:
    config = {"YCLOUD_TEMPLATE": "x", "EU_SECRET": "y", "YCLOUD_DISPATCH": "inline"}
    assert told(config) == []


@pytest.mark.parametrize(
    ("value", "text", "differs"),
    [
        ("worker", "manual", True),
        ("worker", "worker", False),
        (4, "4", False),
        (4, "8", True),
        (True, "true", False),
        (4, "four", True),
        ([1], "[2]", False),  # it may have been made of the text
        (None, "x", False),
    ],
)
def test_two_values(value: Any, text: str, differs: bool) -> None:
    environ = {"YCLOUD_DISPATCH": text}
    found = [str(each) for each in overridden({"YCLOUD_DISPATCH": value}, KEYS, environ)]
    another = "is in the environment, and app.config has another value."
    right = "To use the value in the environment:"
    remedy = f"{right} Name it FLASK_YCLOUD_DISPATCH, and call {READ_IT}"
    assert found == [f"YCLOUD_DISPATCH {another} {remedy}"] * differs


# An app.


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        each.getMessage() for each in caplog.records if each.name.endswith(".environment")
    ]


def test_an_app_warns_once(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("YCLOUD_INBOX_URL", "postgresql://x:hunter2@db/x")
    monkeypatch.setenv("YCLOUD_API_KEY", "hunter2")  # other code may read it
    app = make_app(YCLOUD_RETRY_DELAY=[1])
    for _ in range(2):
        assert deliver(app, body_of()).status_code == 200
    assert logged(caplog) == [
        f"YCLOUD_INBOX_URL {MISSING} Name it FLASK_YCLOUD_INBOX_URL, and call {READ_IT}",
        f"YCLOUD_RETRY_DELAY in app.config is {NO_SETTING}"
        " Did you mean YCLOUD_RETRY_DELAYS?",
    ]
    assert "hunter2" not in caplog.text


def test_secrets_of_endpoints_are_settings(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """Though their keys are close to another one."""
    eu = WebhookBlueprint("eu", secret_key="YCLOUD_WEBHOOK_SECRET_EU")
    own = WebhookBlueprint("own", secrets=lambda *_: SECRET)
    app = make_app(ycloud_bp, eu, own, YCLOUD_WEBHOOK_SECRET_EU=SECRET)
    assert runtime_of(app).unread() == []
    deliver(app, body_of())
    assert logged(caplog) == []


def test_what_was_read_too_late_has_no_effect(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_YCLOUD_WORKER_THREADS", "8")
    app = make_app()
    app.config.from_prefixed_env()
    assert [each.name for each in runtime_of(app).unread()] == [
        "FLASK_YCLOUD_WORKER_THREADS"
    ]


def test_the_doctor_names_them(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YCLOUD_API_KEY", "hunter2")
    monkeypatch.setenv("FLASK_YCLOUD_DISPATCH", "hunter2")
    app = make_app(YCLOUD_WEBHOOK_SECERT="x", YCLOUD_DISPATCH="inline")
    good, *found = findings(app)["settings"]
    assert good[0] == "ok"
    assert found == [
        (
            "warning",
            f"YCLOUD_API_KEY {MISSING}",
            f"Name it FLASK_YCLOUD_API_KEY, and call {READ_IT}",
        ),
        (
            "warning",
            f"YCLOUD_WEBHOOK_SECERT in app.config is {NO_SETTING}",
            "Did you mean YCLOUD_WEBHOOK_SECRET?",
        ),
        (
            "warning",
            "FLASK_YCLOUD_DISPATCH is in the environment, and app.config has another"
            " value.",
            f"To use the value in the environment: Call {READ_IT}",
        ),
    ]


# The secret.


def refused(monkeypatch: pytest.MonkeyPatch, name: str = "", **config: Any) -> str:
    if name:
        monkeypatch.setenv(name, "whsec_hunter2_and_more")
    app = Flask("shop")
    app.config.update(config)
    with pytest.raises(ConfigurationError) as caught:
        app.register_blueprint(ycloud_bp)
    assert "hunter2" not in str(caught.value)
    takes = "YCLOUD_WEBHOOK_SECRET is missing or empty. It takes the signing secret of the"
    assert str(caught.value).startswith(takes)
    return str(caught.value)


def test_a_secret_that_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        text = refused(patch, "FLASK_YCLOUD_WEBHOOK_SECRET")
        assert text.endswith(f" FLASK_YCLOUD_WEBHOOK_SECRET {MISSING} Call {READ_IT}")
    name_it = "Name it FLASK_YCLOUD_WEBHOOK_SECRET, and call"
    text = refused(monkeypatch, "YCLOUD_WEBHOOK_SECRET", YCLOUD_WEBHOOK_SECRET="")
    assert text.endswith(f" YCLOUD_WEBHOOK_SECRET {MISSING} {name_it} {READ_IT}")


def test_a_secret_under_a_misspelt_name(monkeypatch: pytest.MonkeyPatch) -> None:
    meant = "Did you mean YCLOUD_WEBHOOK_SECRET?"
    text = refused(monkeypatch, YCLOUD_WEBHOOK_SECERT="hunter2", YCLOUD_RETRY_DELAY=1)
    assert text.endswith(f"YCLOUD_WEBHOOK_SECERT in app.config is {NO_SETTING} {meant}")


def test_a_secret_that_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refused(monkeypatch)
    assert "YCloud shows it: Developers → Webhooks." in text
    assert text.endswith(
        "Set app.config['YCLOUD_WEBHOOK_SECRET'] before app.register_blueprint()."
    )


def test_a_secret_of_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_YCLOUD_WEBHOOK_SECRET", "12345678901234567890")
    app = Flask("shop")
    app.config.from_prefixed_env()
    with pytest.raises(ConfigurationError) as caught:
        app.register_blueprint(ycloud_bp)
    text = str(caught.value)
    assert text.startswith("YCLOUD_WEBHOOK_SECRET is of type int. It takes the signing")
    assert text.endswith("double quotes, as in FLASK_YCLOUD_WEBHOOK_SECRET='\"…\"'.")
    assert "1234567890" not in text
