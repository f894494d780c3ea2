"""Payloads without personal data, for ``YCLOUD_INSPECTOR_MASKS``."""

from __future__ import annotations

from typing import Any

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
