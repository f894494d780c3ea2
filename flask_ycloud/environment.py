"""Names in the environment and in ``app.config`` that look like a setting, but have no
effect. Messages have names only, never a value."""

from __future__ import annotations

import difflib
import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .logs import log

_logger = logging.getLogger(__name__)

_OURS = "YCLOUD_"
_FLASK = "FLASK_"
_READ_IT = "app.config.from_prefixed_env() before app.register_blueprint()"
_CLOSE = 0.8  # of difflib's 0 to 1


@dataclass(frozen=True)
class Unread:
    """A name that has no effect.

    :param name: as it is written.
    :param key: the setting that it was meant for.
    :param text: what is wrong.
    :param remedy: how to fix it.
    """

    name: str
    key: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}"


def unread(
    config: Mapping[str, Any],
    keys: Collection[str],
    environ: Mapping[str, str] | None = None,
) -> Iterator[Unread]:
    """The names that have no effect.

    :param config: the config as it was when the settings were read.
    :param keys: all settings.
    :param environ: the environment; that of the process if left out.
    """
    environ = os.environ if environ is None else environ
    for name in sorted(environ):
        key = name.removeprefix(_FLASK)
        if environ[name] and config.get(key) in (None, ""):
            yield from _in_environment(name, key, keys)
    for name in sorted(each for each in config if each.startswith(_OURS)):
        if name not in keys and (meant := _meant_by(name, keys)):
            text = f"{name} in app.config is not a setting, so it has no effect."
            yield Unread(name, meant, text, f"Did you mean {meant}?")


def overridden(
    config: Mapping[str, Any],
    keys: Collection[str],
    environ: Mapping[str, str] | None = None,
) -> Iterator[Unread]:
    """The settings whose values in the environment and in the config differ."""
    environ = os.environ if environ is None else environ
    for key in sorted(keys):
        for name in (_FLASK + key, key):
            if environ.get(name) and _differs(config.get(key), environ[name]):
                text = f"{name} is in the environment, and app.config has another value."
                remedy = f"To use the value in the environment: {_remedy(name, key)}"
                yield Unread(name, key, text, remedy)


def warn(found: Iterable[Unread]) -> None:
    """Log the names that have no effect."""
    for each in found:
        # An app that sends messages reads the key itself. Only commands read it here.
        if each.name != "YCLOUD_API_KEY":
            log(_logger, logging.WARNING, "%s", each)


def in_quotes(key: str, value: object) -> str:
    """A hint, if the value may come from a text in the environment."""
    if not isinstance(value, (int, float)):
        return ""
    return (
        " The environment is read as JSON, so put it in double quotes, as in"
        f" {_FLASK}{key}='\"…\"'."
    )


def _in_environment(name: str, key: str, keys: Collection[str]) -> Iterator[Unread]:
    if key in keys:
        text = f"{name} is in the environment, but app.config does not have it."
        yield Unread(name, key, text, _remedy(name, key))
    elif key.startswith(_OURS):
        meant = _meant_by(key, keys)
        text = f"{name} in the environment is not a setting, so it has no effect."
        if meant is not None:
            yield Unread(name, meant, text, f"Did you mean {_FLASK}{meant}?")
        elif name != key:  # otherwise it may belong to another program
            yield Unread(name, key, text, "See the page on configuration.")


def _remedy(name: str, key: str) -> str:
    if name == key:
        return f"Name it {_FLASK}{key}, and call {_READ_IT}."
    return f"Call {_READ_IT}."


def _meant_by(name: str, keys: Collection[str]) -> str | None:
    """The setting that has all words of a name and more, or is spelt like it."""
    words = set(_end_of(name).split("_"))
    longer = [each for each in keys if words < set(_end_of(each).split("_"))]
    if len(longer) == 1:
        return longer[0]
    ends = {_end_of(each): each for each in keys}
    close = difflib.get_close_matches(_end_of(name), ends, n=1, cutoff=_CLOSE)
    return ends[close[0]] if close else None


def _end_of(name: str) -> str:
    return name.removeprefix(_OURS)


def _differs(value: object, text: str) -> bool:
    """Whether a plain value differs from that of a text in the environment."""
    if not isinstance(value, (str, int, float)) or value == text:
        return False
    try:
        return bool(json.loads(text) != value)
    except ValueError:
        return True
