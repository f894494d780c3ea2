"""The body of an event on its page: formatted, masked if configured, limited in size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..errors import BodyUnreadable
from ..inbox import StoredEvent
from .colours import coloured
from .masking import masked

_LONGEST_LAID_OUT = 256 * 1024  # bytes of a body that is formatted
_LONGEST_LINES = 512 * 1024  # characters of a formatted body
_DEEPEST = 50
_LONGEST_RAW = 256 * 1024


@dataclass(frozen=True)
class Shown:
    """What a page shows of a body.

    :param pretty: the body as formatted, coloured JSON; ``None`` if it is not JSON, too
        long or nested too deeply.
    :param raw: the body as it arrived, or its beginning; ``None`` if it is hidden.
    :param left_out: how many bytes ``raw`` leaves out.
    """

    pretty: Markup | None
    raw: str | None
    left_out: int = 0


def body_of(event: StoredEvent) -> tuple[bytes, str]:
    """Return the body of an event and ``""``, or ``b""`` and why the body is missing."""
    if event.emptied_at is not None:
        return b"", "This body was deleted."
    try:
        return event.body, ""
    except BodyUnreadable as error:
        return b"", str(error)


def shown(body: bytes, *, hide: bool) -> Shown:
    """Prepare a body for a page.

    :param hide: whether to hide values that may be personal data.
    """
    pretty = _pretty(body, hide) if len(body) <= _LONGEST_LAID_OUT else None
    lines = None if pretty is None else coloured(pretty)
    if hide:
        return Shown(lines, None)
    raw = body[:_LONGEST_RAW].decode("utf-8", "backslashreplace")
    return Shown(lines, raw, max(0, len(body) - _LONGEST_RAW))


def _pretty(body: bytes, hide: bool) -> str | None:
    try:
        loaded = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if _is_deeper(loaded, _DEEPEST):
        return None
    encoder = json.JSONEncoder(indent=2, ensure_ascii=False)
    parts, length = [], 0
    for part in encoder.iterencode(masked(loaded) if hide else loaded):
        parts.append(part)
        length += len(part)
        if length > _LONGEST_LINES:
            return None
    # JSON may contain lone surrogates, which UTF-8 cannot encode.
    return "".join(parts).encode("utf-8", "backslashreplace").decode()


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inside)
