"""What each key takes, and what is said of a wrong value."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from flask_ycloud import ConfigurationError
from flask_ycloud.settings import KEYS, Settings


def settings(**config: Any) -> Settings:
    return Settings.from_config(config)


def test_the_defaults() -> None:
    assert settings() == Settings(
        tolerance=6 * 3600,
        max_body_bytes=1024 * 1024,
        inbox_url=None,
        dispatch=None,
        worker_threads=4,
        retry_delays=(10, 30, 300, 1800, 3600, 7200, 7200),
        lease_seconds=60,
        drain_seconds=25,
        slow_handler_seconds=60,
        retention_days=30,
        dead_retention_days=90,
        body_retention_days=None,
        body_keys=(),
        celery_queue=None,
        celery_priority=None,
        api_key=None,
        api_url=None,
        inspector_password=None,
        inspector_masks=False,
        inspector_title=None,
        error_messages=False,
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("YCLOUD_SIGNATURE_TOLERANCE", 0),
        ("YCLOUD_SIGNATURE_TOLERANCE", "300"),
        ("YCLOUD_SIGNATURE_TOLERANCE", float("inf")),
        ("YCLOUD_SIGNATURE_TOLERANCE", True),
        ("YCLOUD_MAX_BODY_BYTES", 0),
        ("YCLOUD_MAX_BODY_BYTES", 1.5),
        ("YCLOUD_MAX_BODY_BYTES", True),
        ("YCLOUD_DISPATCH", "thread"),
        ("YCLOUD_WORKER_THREADS", 0),
        ("YCLOUD_RETRY_DELAYS", 10),
        ("YCLOUD_RETRY_DELAYS", "10"),
        ("YCLOUD_RETRY_DELAYS", [-1]),
        ("YCLOUD_RETRY_DELAYS", [float("nan")]),
        ("YCLOUD_RETRY_DELAYS", ["10"]),
        ("YCLOUD_RETRY_DELAYS", [True]),
        ("YCLOUD_LEASE_SECONDS", -1),
        ("YCLOUD_CELERY_QUEUE", ""),
        ("YCLOUD_CELERY_QUEUE", 7),
        ("YCLOUD_CELERY_PRIORITY", 256),
        ("YCLOUD_CELERY_PRIORITY", "high"),
        ("YCLOUD_CELERY_PRIORITY", True),
        ("YCLOUD_CELERY_PRIORITY", 1.0),
        ("YCLOUD_API_URL", 7),
        ("YCLOUD_API_URL", ""),
        ("YCLOUD_API_URL", "api.ycloud.com/v2"),
        ("YCLOUD_API_URL", "ftp://api.ycloud.com/v2"),
        ("YCLOUD_API_URL", "https:///v2"),
        ("YCLOUD_API_URL", "https://api.ycloud.com/v2?key=1"),
        ("YCLOUD_API_URL", "https://api.ycloud.com/v2#x"),
        ("YCLOUD_API_URL", "https://api.ycloud.com /v2"),
        ("YCLOUD_API_URL", "https://api.ycloud.com/v2\n"),
        ("YCLOUD_API_URL", "https://api.ycloud.com:port/v2"),
        ("YCLOUD_API_URL", "https://[::1/v2"),
        ("YCLOUD_RETENTION_DAYS", -1),
        ("YCLOUD_RETENTION_DAYS", None),
        ("YCLOUD_DEAD_RETENTION_DAYS", -1),
        ("YCLOUD_DEAD_RETENTION_DAYS", "90"),
        ("YCLOUD_BODY_RETENTION_DAYS", -1),
        ("YCLOUD_BODY_RETENTION_DAYS", True),
    ],
)
def test_a_wrong_value_names_key_value_and_what_it_takes(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**{key: value})
    message = str(caught.value)
    assert message.startswith(f"{key} is {value!r}. It takes ")


def test_dispatch_may_be_a_function() -> None:
    assert settings(YCLOUD_DISPATCH=print).dispatch is print


def test_delays_may_be_none_at_all() -> None:
    assert settings(YCLOUD_RETRY_DELAYS=[]).retry_delays == ()


def test_retention_outlasts_any_signature() -> None:
    """One made a tolerance ahead is good for twice the tolerance."""
    with pytest.raises(ConfigurationError, match=r"RETENTION_DAYS is 0\.1;.*at least 0\.5"):
        settings(YCLOUD_RETENTION_DAYS=0.1)
    assert settings(YCLOUD_RETENTION_DAYS=0.5).retention_days == 0.5
    assert settings(YCLOUD_RETENTION_DAYS=0).retention_days == 0


def test_bodies_and_dead_letters_have_their_own_retention() -> None:
    found = settings(YCLOUD_DEAD_RETENTION_DAYS=0, YCLOUD_BODY_RETENTION_DAYS=0)
    assert (found.dead_retention_days, found.body_retention_days) == (0, 0)
    assert settings(YCLOUD_BODY_RETENTION_DAYS=0.1).body_retention_days == 0.1
    assert settings(YCLOUD_BODY_RETENTION_DAYS=None).body_retention_days is None


def test_keys_of_bodies() -> None:
    keys = [Fernet.generate_key() for _ in range(2)]
    texts = tuple(key.decode() for key in keys)
    assert settings(YCLOUD_BODY_KEYS=keys[0]).body_keys == texts[:1]
    assert settings(YCLOUD_BODY_KEYS=list(texts)).body_keys == texts
    assert settings(YCLOUD_BODY_KEYS=("", *keys)).body_keys == ("", *texts)
    assert texts[0] not in repr(settings(YCLOUD_BODY_KEYS=keys))


@pytest.mark.parametrize(
    "value", ["hunter2", b"hunter2", [7], {"hunter2"}, ["hunter2" * 6], "h\xe9" * 22]
)
def test_what_is_no_key_is_not_shown(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="key 1 of 1 is not a key") as wrong:
        settings(YCLOUD_BODY_KEYS=value)
    assert "hunter2" not in str(wrong.value)
    key = Fernet.generate_key().decode()
    with pytest.raises(ConfigurationError, match="KEYS: key 2 of 2 is not a key"):
        settings(YCLOUD_BODY_KEYS=[key, ""])


def test_no_repr_shows_a_password() -> None:
    shown = repr(settings(YCLOUD_INBOX_URL="postgresql+psycopg://u:hunter2@h/db"))
    assert "hunter2" not in shown


@pytest.mark.parametrize("value", ["  ", 12345678, ["secret key"]])
@pytest.mark.parametrize("key", ["YCLOUD_API_KEY", "YCLOUD_INSPECTOR_PASSWORD"])
def test_what_is_secret_is_not_shown(key: str, value: Any) -> None:
    got = "(blank or too short|of type int|of type list)"
    with pytest.raises(ConfigurationError, match=rf"{key} is {got}\. It takes ") as wrong:
        settings(**{key: value})
    assert "secret key" not in str(wrong.value)
    assert "12345678" not in str(wrong.value)


def test_the_title_of_the_inspector() -> None:
    assert settings(YCLOUD_INSPECTOR_TITLE="shop").inspector_title == "shop"
    for odd in ("", " ", 5):
        with pytest.raises(ConfigurationError, match="YCLOUD_INSPECTOR_TITLE is "):
            settings(YCLOUD_INSPECTOR_TITLE=odd)


def test_the_url_of_the_api() -> None:
    for url in (
        "http://127.0.0.1:8080/v2",
        "https://api.ycloud.com/v2",
        "http://[::1]:8/v2",
    ):
        assert settings(YCLOUD_API_URL=url).api_url == url
    with pytest.raises(ConfigurationError, match="has a user in it") as wrong:
        settings(YCLOUD_API_URL="https://user:hunter2@api.ycloud.com/v2")
    assert "hunter2" not in str(wrong.value)


def test_a_short_password_is_none() -> None:
    with pytest.raises(ConfigurationError, match="at least 8 characters") as wrong:
        settings(YCLOUD_INSPECTOR_PASSWORD="hunter2")
    assert "hunter2" not in str(wrong.value)


def test_a_flag_is_true_or_false() -> None:
    assert settings(YCLOUD_INSPECTOR_MASKS=True).inspector_masks
    for odd in ("yes", "True", "1", 1):
        with pytest.raises(ConfigurationError, match="It takes True or False; in the env"):
            settings(YCLOUD_INSPECTOR_MASKS=odd)


def from_environment(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> Settings:
    """As ``from_prefixed_env`` reads a variable."""
    monkeypatch.setenv(f"FLASK_{name}", text)
    app = Flask("shop")
    app.config.from_prefixed_env()
    return Settings.from_config(app.config)


def test_a_flag_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "YCLOUD_INSPECTOR_MASKS"
    assert from_environment(monkeypatch, name, "true").inspector_masks
    with pytest.raises(ConfigurationError) as wrong:
        from_environment(monkeypatch, name, "True")
    assert str(wrong.value) == (
        f"{name} is 'True'. It takes True or False; in the environment, true or false."
    )


def test_digits_in_the_environment_are_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as JSON, so a password of digits arrives as a number."""
    name = "YCLOUD_INSPECTOR_PASSWORD"
    with pytest.raises(ConfigurationError) as wrong:
        from_environment(monkeypatch, name, "1234567890")
    assert str(wrong.value) == (
        f"{name} is of type int. It takes a password, at least 8 characters. The"
        " environment is read as JSON, so put it in double quotes, as in"
        f" FLASK_{name}='\"…\"'."
    )
    found = from_environment(monkeypatch, name, '"1234567890"')
    assert found.inspector_password == "1234567890"


def test_delays_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "YCLOUD_RETRY_DELAYS"
    assert from_environment(monkeypatch, name, "[10, 60]").retry_delays == (10, 60)
    with pytest.raises(ConfigurationError, match=r"in the environment, \[10, 60\]\."):
        from_environment(monkeypatch, name, "10, 60")


def test_an_empty_api_key_in_the_environment_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert from_environment(monkeypatch, "YCLOUD_API_KEY", "").api_key is None
    with pytest.raises(ConfigurationError, match="YCLOUD_INSPECTOR_PASSWORD is blank"):
        from_environment(monkeypatch, "YCLOUD_INSPECTOR_PASSWORD", "")


def test_each_setting_that_is_read_has_its_name_in_the_list() -> None:
    """By that list, other names are known to be misspelt."""

    class Asked(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            self[key] = default
            return default

    asked = Asked()
    Settings.from_config(asked)
    assert set(asked) == KEYS
