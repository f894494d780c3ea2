"""Read ``app.config`` into one frozen :class:`Settings`, and check it."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from .environment import in_quotes
from .errors import LONGEST_RETRY_SECONDS, ConfigurationError

#: The keys that are read from the config, besides the signing secrets.
KEYS = frozenset(
    {
        "YCLOUD_API_KEY", "YCLOUD_API_URL", "YCLOUD_BODY_KEYS",
        "YCLOUD_BODY_RETENTION_DAYS", "YCLOUD_CELERY_PRIORITY", "YCLOUD_CELERY_QUEUE",
        "YCLOUD_DEAD_RETENTION_DAYS", "YCLOUD_DISPATCH", "YCLOUD_DRAIN_SECONDS",
        "YCLOUD_ERROR_MESSAGES",
        "YCLOUD_INBOX_URL", "YCLOUD_INSPECTOR_MASKS", "YCLOUD_INSPECTOR_PASSWORD",
        "YCLOUD_INSPECTOR_TITLE",
        "YCLOUD_LEASE_SECONDS", "YCLOUD_MAX_BODY_BYTES", "YCLOUD_RETENTION_DAYS",
        "YCLOUD_RETRY_DELAYS", "YCLOUD_SIGNATURE_TOLERANCE",
        "YCLOUD_SLOW_HANDLER_SECONDS", "YCLOUD_WORKER_THREADS",
    }
)  # fmt: skip

#: How events can be handled.
DISPATCHES = ("worker", "manual", "inline", "celery")

#: Seconds before each of YCloud's retries, which are also the default for handlers:
#: helpdocs.ycloud.com/help-center/integrations/webhook
RETRY_DELAYS = (10.0, 30.0, 300.0, 1800.0, 3600.0, 7200.0, 7200.0)

_SECONDS = "a number of seconds"
_DAYS = "a number of days, or 0 for ever"
_KEY_BYTES = 32
_DAY = 86_400
_MOST_PRIORITY = 255  # in AMQP 0-9-1


@dataclass(frozen=True)
class Settings:
    """The settings that all endpoints of an app share. See the configuration page.

    ``inbox_url`` and ``dispatch`` are ``None`` if ``app.testing`` decides. A URL may have a
    password, so no ``repr`` shows it. ``open_engine`` checks it.
    """

    tolerance: float
    max_body_bytes: int
    inbox_url: Any = field(repr=False)
    dispatch: str | Callable[[Any], Any] | None
    worker_threads: int
    retry_delays: tuple[float, ...]
    lease_seconds: float
    drain_seconds: float
    slow_handler_seconds: float
    retention_days: float
    dead_retention_days: float
    body_retention_days: float | None
    body_keys: tuple[str, ...] = field(repr=False)
    celery_queue: str | None
    celery_priority: int | None
    api_key: str | None = field(repr=False)
    api_url: str | None
    inspector_password: str | None = field(repr=False)
    inspector_masks: bool
    inspector_title: str | None
    error_messages: bool

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read and check every key.

        :raises ConfigurationError: naming the key, what it got and what it takes.
        """
        read = _Reader(config)
        settings = cls(
            tolerance=read.number("YCLOUD_SIGNATURE_TOLERANCE", 6 * 3600, _SECONDS),
            max_body_bytes=read.integer("YCLOUD_MAX_BODY_BYTES", 1024 * 1024, "bytes"),
            inbox_url=config.get("YCLOUD_INBOX_URL"),
            dispatch=_dispatch(config.get("YCLOUD_DISPATCH")),
            worker_threads=read.integer("YCLOUD_WORKER_THREADS", 4, "threads"),
            retry_delays=_retry_delays(config.get("YCLOUD_RETRY_DELAYS")),
            lease_seconds=read.number("YCLOUD_LEASE_SECONDS", 60, _SECONDS),
            drain_seconds=read.number("YCLOUD_DRAIN_SECONDS", 25, _SECONDS, zero=True),
            slow_handler_seconds=read.number("YCLOUD_SLOW_HANDLER_SECONDS", 60, _SECONDS),
            retention_days=read.number("YCLOUD_RETENTION_DAYS", 30, _DAYS, zero=True),
            dead_retention_days=read.number(
                "YCLOUD_DEAD_RETENTION_DAYS", 90, _DAYS, zero=True
            ),
            body_retention_days=read.optional_days("YCLOUD_BODY_RETENTION_DAYS"),
            body_keys=_body_keys(config.get("YCLOUD_BODY_KEYS")),
            celery_queue=_celery_queue(config.get("YCLOUD_CELERY_QUEUE")),
            celery_priority=_celery_priority(config.get("YCLOUD_CELERY_PRIORITY")),
            api_key=_api_key(config),
            api_url=_api_url(config.get("YCLOUD_API_URL")),
            inspector_password=_text(
                config, "YCLOUD_INSPECTOR_PASSWORD", "a password, at least 8 characters", 8
            ),
            inspector_masks=_flag(config, "YCLOUD_INSPECTOR_MASKS"),
            inspector_title=_text(
                config, "YCLOUD_INSPECTOR_TITLE", "a text, such as 'shop, staging'"
            ),
            error_messages=_flag(config, "YCLOUD_ERROR_MESSAGES"),
        )
        shortest = settings.known_seconds / _DAY
        if settings.retention_days and settings.retention_days < shortest:
            raise ConfigurationError(
                f"YCLOUD_RETENTION_DAYS is {settings.retention_days:g}; with a"
                f" YCLOUD_SIGNATURE_TOLERANCE of {settings.tolerance:g} s it takes at least"
                f" {shortest:g}, so that a replayed delivery is still known."
            )
        return settings

    @property
    def known_seconds(self) -> float:
        """How many seconds a captured delivery can be sent again.

        A signature may be one tolerance in the future, and is valid for another after that.
        """
        return 2 * self.tolerance


class _Reader:
    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def number(self, key: str, default: float, takes: str, *, zero: bool = False) -> float:
        value = self._config.get(key, default)
        if not (
            _is_number(value)
            and math.isfinite(value)
            and (value > 0 or (zero and value == 0))
        ):
            raise _wrong(key, value, f"{takes}, {'zero or more' if zero else 'above zero'}")
        return float(value)

    def optional_days(self, key: str) -> float | None:
        if self._config.get(key) is None:
            return None
        return self.number(key, 0, "a number of days, or 0 for at once", zero=True)

    def integer(self, key: str, default: int, takes: str) -> int:
        value = self._config.get(key, default)
        if not _is_whole(value) or value < 1:
            raise _wrong(key, value, f"a whole number of {takes}, 1 or more")
        return value


def _body_keys(value: Any) -> tuple[str, ...]:
    """The keys that encrypt bodies. Messages never contain a key, even a wrong one."""
    if value is None:
        return ()
    given = value if isinstance(value, (list, tuple)) else [value]
    keys = [each.decode("latin-1") if isinstance(each, bytes) else each for each in given]
    for number, key in enumerate(keys):
        # If the first key is empty, nothing is encrypted any more.
        if not (isinstance(key, str) and (_is_fernet_key(key) or (not key and not number))):
            raise ConfigurationError(
                f"YCLOUD_BODY_KEYS: key {number + 1} of {len(keys)} is not a key. It takes"
                " a key of Fernet.generate_key(), or a list of keys: the first encrypts,"
                " all decrypt. To stop encrypting, make the first key empty."
            )
    return tuple(keys)


def _is_fernet_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, b"-_", validate=True)) == _KEY_BYTES
    except ValueError:
        return False


def _dispatch(value: Any) -> str | Callable[[Any], Any] | None:
    if value is None or value in DISPATCHES or callable(value):
        dispatch: str | Callable[[Any], Any] | None = value
        return dispatch
    names = ", ".join(map(repr, DISPATCHES))
    raise _wrong("YCLOUD_DISPATCH", value, f"one of {names}, or a function")


def _celery_queue(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise _wrong("YCLOUD_CELERY_QUEUE", value, "the name of a queue")


def _celery_priority(value: Any) -> int | None:
    if value is None or (_is_whole(value) and 0 <= value <= _MOST_PRIORITY):
        return value
    raise _wrong("YCLOUD_CELERY_PRIORITY", value, "a whole number from 0 to 255")


def _text(config: Mapping[str, Any], key: str, takes: str, shortest: int = 1) -> str | None:
    value = config.get(key)
    if value is None or (isinstance(value, str) and len(value.strip()) >= shortest):
        return value
    # Without the value, which may be secret.
    kind = f"of type {type(value).__name__}"
    got = "blank or too short" if isinstance(value, str) else kind
    raise ConfigurationError(f"{key} is {got}. It takes {takes}.{in_quotes(key, value)}")


def _api_key(config: Mapping[str, Any]) -> str | None:
    if config.get("YCLOUD_API_KEY") == "":  # FLASK_YCLOUD_API_KEY= unsets it
        return None
    return _text(config, "YCLOUD_API_KEY", "an API key of YCloud's")


def _api_url(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and is_base_url(value)):
        return value
    takes = "the URL of YCloud's API, such as https://api.ycloud.com/v2"
    if "@" in str(value):  # it may follow a password
        raise ConfigurationError(f"YCLOUD_API_URL has a user in it. It takes {takes}.")
    raise _wrong("YCLOUD_API_URL", value, takes)


def is_base_url(value: str) -> bool:
    """Whether paths can follow a URL: it has a host, no user, no query and no fragment."""
    try:
        url = urlsplit(value)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:  # of the port, or of an IPv6 address
        return False
    plain = value.isprintable() and not {"@", "?", "#", " "} & set(value)
    return url.scheme in ("http", "https") and has_host and plain


def _flag(config: Mapping[str, Any], key: str) -> bool:
    value = config.get(key, False)
    if not isinstance(value, bool):
        raise _wrong(key, value, "True or False; in the environment, true or false")
    return value


def _retry_delays(value: Any) -> tuple[float, ...]:
    if value is None:
        return RETRY_DELAYS
    delays = delays_in(value)
    if delays is None:
        takes = f"{DELAYS_TAKE}; in the environment, [10, 60]"
        raise _wrong("YCLOUD_RETRY_DELAYS", value, takes)
    return delays


#: What a setting of delays takes.
DELAYS_TAKE = "a sequence of seconds, each from 0 to 366 days"


def delays_in(value: Any) -> tuple[float, ...] | None:
    """The delays in a value; ``None`` if it is not a sequence of delays."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        numbers = [each for each in value if _is_number(each)]
        if len(numbers) == len(value) and all(
            0 <= each <= LONGEST_RETRY_SECONDS for each in numbers
        ):
            return tuple(map(float, numbers))
    return None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _wrong(key: str, value: object, takes: str) -> ConfigurationError:
    return ConfigurationError(f"{key} is {value!r}. It takes {takes}.")
