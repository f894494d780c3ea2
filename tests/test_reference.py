"""The pages of the payloads: they have every field of every type."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
from typing_extensions import get_type_hints, is_typeddict

from flask_ycloud.payloads import PAYLOADS
from flask_ycloud.protocol import EVENT_TYPES, sample, variants
from scripts.reference import pages
from scripts.reference.markdown import inline, rst

IN_WORDS = {str: "string", int: "integer", float: "number", bool: "boolean"}


@cache
def sections() -> dict[str, tuple[str, str]]:
    """The page and the text of each section, by its label."""
    found: dict[str, tuple[str, str]] = {}
    for page, text in pages.pages().items():
        labelled = re.split(r"^\.\. _([\w.-]+):$", text, flags=re.M)[1:]
        for label, section in zip(labelled[::2], labelled[1::2], strict=True):
            assert label not in found, f"{label} is on {page} and on {found[label][0]}"
            found[label] = page, section
    return found


def types_of(hint: Any) -> set[Any]:
    """The payload types in an annotation, at any depth."""
    if is_typeddict(hint):
        return {hint}
    return {found for each in get_args(hint) for found in types_of(each)}


def values_of(hint: Any) -> set[str]:
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return {value for each in get_args(hint) for value in values_of(each)}


@cache
def reached() -> tuple[Any, ...]:
    """The payload types of all events, and those in their fields."""
    waiting = [each for kinds in PAYLOADS.values() for each in kinds]
    found: dict[Any, None] = {}
    while waiting:
        kind = waiting.pop()
        if kind not in found:
            found[kind] = None
            waiting += [t for hint in get_type_hints(kind).values() for t in types_of(hint)]
    return tuple(found)


def fields_of(section: str) -> dict[str, tuple[str, str]]:
    """The kind of each field, and what is said of it."""
    parts = re.split(r"^``([\w.]+)`` : (.*)$", section, flags=re.M)[1:]
    return {
        name: (kind, text)
        for name, kind, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }


@pytest.mark.parametrize("kind", reached(), ids=lambda kind: kind.__name__)
def test_each_field_is_on_the_page(kind: Any) -> None:
    _, section = sections()[f"payload-{kind.__name__}"]
    shared = re.search(r"The fields of :ref:`(\w+)", section)
    told = fields_of(sections()[f"payload-{shared[1]}"][1]) if shared else {}
    told |= fields_of(section)
    hints = {k: v for k, v in get_type_hints(kind).items() if v is not NoneType}
    assert told.keys() == hints.keys()
    for name, hint in hints.items():
        in_words, text = told[name]
        state = "required" if name in kind.__required_keys__ else "optional"
        assert in_words.endswith(f" : {state}"), name
        for each in types_of(hint):
            assert f":ref:`{each.__name__} <payload-{each.__name__}>`" in in_words, name
        for value in values_of(hint):
            assert f"``{value}``" in text, name
        if hint in IN_WORDS:
            assert in_words.startswith(IN_WORDS[hint]), name


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_each_event_type_has_its_section(name: str) -> None:
    known = EVENT_TYPES[name]
    page, section = sections()[f"event-{name}"]
    told = " ".join(section.split())
    for each in (known.meaning, known.page, *known.properties, *variants(name)):
        assert each in told
    for key in known.keys:
        assert all(f"``{field}``" in told for field in key.fields)
    shown = section.partition(".. code-block:: json")[2].partition(".. raw::")[0]
    assert json.loads(shown) == sample(name)
    assert f":ref:`{name} <event-{name}>`" in pages.table()
    assert f"payloads/{page}>`" in pages.table()
    assert f"payloads/{page}\n" in pages.contents()


def test_links_lead_to_sections() -> None:
    for page, text in {**pages.pages(), "table": pages.table()}.items():
        targets = re.findall(r":ref:`[^`<]+ <([^>]+)>`", text)
        assert targets, page
        assert set(targets) <= sections().keys(), page


def test_pages_are_written_once(tmp_path: Path) -> None:
    pages.write(tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert {path.stem for path in written} >= pages.pages().keys()
    pages.write(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == written


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("plain", "plain"),
        ("the `id` of it", r"the \ ``id``\  of it"),
        ("in [E.164](https://e.org/a_b).", r"in \ `E.164 <https://e.org/a_b>`__\ ."),
        ("[`code` link](https://e.org)", r"\ `code link <https://e.org>`__\ "),
        ("**Note:** x", r"\ **Note:**\  x"),
        ("**Only in `BODY`.**", r"\ **Only in**\  \ ``BODY``\ \ **.**\ "),
        ("the string *so*", r"the string \ *so*\ "),
        ("2 * 3 | 4 and_ <b>", r"2 \* 3 \| 4 and\_ \<b>"),
    ],
)
def test_markdown_inline(markdown: str, expected: str) -> None:
    assert inline(markdown) == expected


def test_markdown_lists_stand_apart() -> None:
    assert rst("One of:\n- `a`: first\n  - x\n- b\nEnd") == [
        "One of:", "", r"* \ ``a``\ : first", "", "  * x", "", "* b", "", "End",
    ]  # fmt: skip
