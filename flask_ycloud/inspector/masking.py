"""Payloads and errors without personal data, for ``YCLOUD_INSPECTOR_MASKS``."""

from __future__ import annotations

from typing import Any

from ..formats import in_one_line, without_message
from ..inbox import Attempt, HandlerState

#: What says how things went, and nothing of anyone. Ids are not among it: WhatsApp's
#: contain the telephone number.
_HARMLESS = {"type", "status", "apiVersion", "createTime", "updateTime", "errorCode"}


def masked(value: Any) -> Any:
    """The same shape, with dots for every value that may be somebody's."""
    if isinstance(value, dict):
        return {
            name: each
            if name in _HARMLESS and not isinstance(each, (dict, list))
            else masked(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [masked(each) for each in value]
    return value if value is None or isinstance(value, bool) else "•••"


def error_of(run: HandlerState | Attempt, *, hide: bool) -> str:
    """The error of a run, with its message if it was kept; with dots if it is hidden."""
    if run.error is None or run.state != "failed":
        return run.error or ""
    place = without_message(run.error)
    return f"{place}: •••" if hide and place != run.error else in_one_line(run.error)
