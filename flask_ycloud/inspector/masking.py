"""Payloads and errors without personal data, for ``YCLOUD_INSPECTOR_MASKS``."""

from __future__ import annotations

import re
from typing import Any

from ..fields import documented_names
from ..formats import in_one_line, without_message
from ..inbox import Attempt, HandlerState
from ..protocol import EVENT_TYPES

_DOTS = "•••"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,39}")
_CODE = re.compile(r"[A-Za-z0-9_.]{1,12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{1,20}(Z|[+-]\d\d:?\d\d)")

#: Fields that are no personal data if their value matches. Ids are not included, since
#: WhatsApp's ids contain the telephone number.
_HARMLESS = {
    "type": _WORD,
    "eventType": _WORD,
    "status": _WORD,
    "errorCode": _CODE,
    "apiVersion": re.compile(r"v\d{1,3}"),
    "createTime": _TIME,
    "updateTime": _TIME,
}

#: Objects that hold only personal data. Their fields may have names of harmless fields.
_PERSONAL = {"contacts", "changedAttributes", "customAttributes"}


def masked(value: Any, *, all_of_it: bool = False) -> Any:
    """Replace names and values that may be personal data by dots, and keep the shape.

    :param all_of_it: whether to hide the values of harmless names, too.
    """
    if isinstance(value, dict):
        return {
            _name(name, number): _shown(name, each, all_of_it)
            for number, (name, each) in enumerate(value.items(), 1)
        }
    if isinstance(value, list):
        return [masked(each, all_of_it=all_of_it) for each in value]
    return None if value is None else _DOTS


def error_of(run: HandlerState | Attempt, *, hide: bool) -> str:
    """Return the error of a run, with its message if the inbox has kept it.

    :param hide: whether to replace the message, or the reason of a ``Discard``, by dots.
    """
    if run.error is None:
        return ""
    if run.state != "failed":
        return _DOTS if hide else run.error
    place = without_message(run.error)
    return f"{place}: {_DOTS}" if hide and place != run.error else in_one_line(run.error)


def _shown(name: str, value: Any, all_of_it: bool) -> Any:
    if isinstance(value, (dict, list)):
        known = name in documented_names() and name not in _PERSONAL
        return masked(value, all_of_it=all_of_it or not known)
    return value if not all_of_it and harmless(name, value) else masked(value)


def harmless(name: str, value: Any) -> bool:
    """Whether a value of that name is not personal data."""
    looks_like = _HARMLESS.get(name)
    if looks_like is None or isinstance(value, (bool, dict, list)) or value is None:
        return False
    # Some event types are longer than a word.
    return bool(looks_like.fullmatch(str(value))) or value in EVENT_TYPES


def _name(name: str, number: int) -> str:
    """Return a documented name. Any other may be personal data and becomes a number."""
    return name if name in documented_names() else f"{_DOTS} {number}"
