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

#: What says how things went, and nothing of anyone, if it looks like that. Ids are not
#: among it: WhatsApp's contain the telephone number.
_HARMLESS = {
    "type": _WORD,
    "eventType": _WORD,
    "status": _WORD,
    "errorCode": _CODE,
    "apiVersion": re.compile(r"v\d{1,3}"),
    "createTime": _TIME,
    "updateTime": _TIME,
}

#: What a person has written throughout. Its fields may have the names of harmless ones.
_PERSONAL = {"contacts", "changedAttributes", "customAttributes"}


def masked(value: Any, *, all_of_it: bool = False) -> Any:
    """The same shape, with dots for every name and value that may be somebody's.

    :param all_of_it: whether the values of harmless names are hidden, too.
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
    """The error of a run, with its message if it was kept; with dots if it is hidden.

    What a handler has given as the reason of a ``Discard`` is hidden, too.
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
    """Whether a value of that name is nobody's."""
    looks_like = _HARMLESS.get(name)
    if looks_like is None or isinstance(value, (bool, dict, list)) or value is None:
        return False
    # Some event types are longer than a word.
    return bool(looks_like.fullmatch(str(value))) or value in EVENT_TYPES


def _name(name: str, number: int) -> str:
    """A name that YCloud documents; another one may be data, and is shown as a number."""
    return name if name in documented_names() else f"{_DOTS} {number}"
