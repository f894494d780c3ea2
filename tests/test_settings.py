"""What each key takes, and what is said of a wrong value."""

from __future__ import annotations

from typing import Any

import pytest

from flask_ycloud import ConfigurationError
from flask_ycloud.settings import Settings


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
        slow_handler_seconds=60,
        retention_days=30,
        celery_queue=None,
        celery_priority=None,
        api_key=None,
        inspector_password=None,
        inspector_masks=False,
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
        ("YCLOUD_RETENTION_DAYS", -1),
        ("YCLOUD_RETENTION_DAYS", None),
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


def test_no_repr_shows_a_password() -> None:
    shown = repr(settings(YCLOUD_INBOX_URL="postgresql+psycopg://u:hunter2@h/db"))
    assert "hunter2" not in shown


@pytest.mark.parametrize("value", ["", "  ", 7, ["secret key"]])
@pytest.mark.parametrize("key", ["YCLOUD_API_KEY", "YCLOUD_INSPECTOR_PASSWORD"])
def test_what_is_secret_is_not_shown(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{key} is a (str|int|list)") as wrong:
        settings(**{key: value})
    assert "secret key" not in str(wrong.value)


def test_a_short_password_is_none() -> None:
    with pytest.raises(ConfigurationError, match="at least 8 characters") as wrong:
        settings(YCLOUD_INSPECTOR_PASSWORD="hunter2")
    assert "hunter2" not in str(wrong.value)


def test_a_flag_is_true_or_false() -> None:
    assert settings(YCLOUD_INSPECTOR_MASKS=True).inspector_masks
    with pytest.raises(ConfigurationError, match="It takes True or False"):
        settings(YCLOUD_INSPECTOR_MASKS="yes")
