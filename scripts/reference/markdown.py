"""Converts YCloud's descriptions from Markdown to reStructuredText."""

from __future__ import annotations

import re

_INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\[(?P<text>[^\]]+)\]\((?P<url>[^)\s]+)\)"
    r"|\*\*(?P<strong>.+?)\*\*"
    r"|\*(?P<emphasis>[^*]+)\*"
)
_ITEM = re.compile(r"(?P<indent> *)[-*] +(?P<text>.*)")


def rst(markdown: str) -> list[str]:
    """Return the lines of a description in reStructuredText."""
    lines: list[str] = []
    last_indent: int | None = None  # of the previous list item
    for line in markdown.splitlines():
        item = _ITEM.fullmatch(line)
        indent = len(item["indent"]) if item else None
        if indent != last_indent and lines and lines[-1]:
            lines.append("")
        text = inline(item["text"] if item else line.strip())
        lines.append(f"{' ' * indent}* {text}" if indent is not None else text)
        last_indent = indent
    return lines


def inline(text: str) -> str:
    """Convert code, links, strong and emphasis in a line; escape everything else."""
    parts, end = [], 0
    for match in _INLINE.finditer(text):
        parts += [_escaped(text[end : match.start()]), _marked(match)]
        end = match.end()
    return "".join([*parts, _escaped(text[end:])])


def _marked(match: re.Match[str]) -> str:
    if match["code"]:
        return _apart(f"``{match['code'].strip()}``")
    if match["url"]:
        return _apart(f"`{_escaped(match['text'].replace('`', ''))} <{match['url']}>`__")
    return _stressed(match["strong"], "**") if match["strong"] else _stressed(
        match["emphasis"], "*"
    )  # fmt: skip


def _stressed(text: str, mark: str) -> str:
    """Close and reopen markup around inner markup, since markup cannot be nested."""
    parts, end = [], 0
    matches = list(_INLINE.finditer(text))
    for match in matches:
        parts += [_wrapped(text[end : match.start()], mark), _marked(match)]
        end = match.end()
    return "".join([*parts, _wrapped(text[end:], mark)])


def _wrapped(text: str, mark: str) -> str:
    words = text.strip()
    if not words:
        return text
    before, _, after = text.partition(words)
    return before + _apart(f"{mark}{_escaped(words)}{mark}") + after


def _apart(markup: str) -> str:
    """Put escaped spaces around markup: it must not touch a word. They are not shown."""
    return rf"\ {markup}\ "


def _escaped(text: str) -> str:
    return re.sub(r"([\\*`|]|(?<=\w)_(?!\w)|<(?=\w))", r"\\\1", text)
