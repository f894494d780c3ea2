"""Coloured JSON: each token is in an HTML element with a class for its kind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_LONGEST = 64 * 1024  # characters: in the worst case each becomes an element

_PARTS = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)'
    r'|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d[\d.eE+-]*)"
    r"|(?P<word>true|false|null|NaN|-?Infinity)"
)


def coloured(text: str) -> Markup:
    """Return formatted JSON as HTML. The text is unchanged. A long text has no colours."""
    if len(text) > _LONGEST:
        return escape(text)
    return Markup("").join(_parts(text))


def _parts(text: str) -> Iterator[Markup]:
    end = 0
    for found in _PARTS.finditer(text):
        yield escape(text[end : found.start()])
        yield Markup('<span class="json-{}">{}</span>').format(found.lastgroup, found[0])
        end = found.end()
    yield escape(text[end:])
