"""Bodies on a page: laid out, and never more than a browser likes."""

from __future__ import annotations

import html
import json
import re
import tracemalloc

import pytest

from flask_ycloud.inspector.bodies import shown
from flask_ycloud.protocol import body_id

from ..conftest import MakeApp
from ..support import deliver
from .support import PAGE, inspected, words


def nested(depth: int, inside: str = "0") -> bytes:
    return ("[" * depth + inside + "]" * depth).encode()


NUMBERS = ",".join("0" * 20_000)


def test_a_short_one_is_laid_out() -> None:
    found = shown(b'{"a": [1, "\\u00e9"]}', hide=False)
    assert found.pretty is not None
    assert found.pretty.striptags() == '{ "a": [ 1, "é" ] }'
    plain = re.sub("<[^>]*>", "", found.pretty)
    assert html.unescape(plain) == '{\n  "a": [\n    1,\n    "é"\n  ]\n}'
    assert (found.raw, found.left_out) == ('{"a": [1, "\\u00e9"]}', 0)


def test_half_a_character_is_shown_by_its_number() -> None:
    for body, hide, text in (
        (b'{"a": "\\ud800"}', False, '{ "a": "\\ud800" }'),
        (b'{"\\ud800": 1}', True, '{ "••• 1": "•••" }'),
    ):
        pretty = shown(body, hide=hide).pretty
        assert pretty is not None
        assert pretty.striptags() == text


@pytest.mark.parametrize(("depth", "is_laid_out"), [(50, True), (51, False), (600, False)])
@pytest.mark.parametrize("hide", [True, False])
def test_a_deep_one_is_not(depth: int, is_laid_out: bool, hide: bool) -> None:
    found = shown(nested(depth), hide=hide)
    assert (found.pretty is not None) == is_laid_out
    assert found.raw == (None if hide else nested(depth).decode())
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    assert (shown(deep, hide=hide).pretty is not None) == is_laid_out


@pytest.mark.parametrize(
    "body",
    [
        nested(49, NUMBERS),  # each number in a line of a hundred spaces
        json.dumps("x" * 300_000).encode(),
        b"[" * 100_000,
        b"9" * 5_000,
        b"\xff\x00",
        b"",
    ],
)
@pytest.mark.parametrize("hide", [True, False])
def test_what_is_too_much_is_shown_as_it_arrived(body: bytes, hide: bool) -> None:
    found = shown(body, hide=hide)
    assert found.pretty is None
    if hide:
        assert found.raw is None
    else:
        assert found.raw == body[:262_144].decode("utf-8", "backslashreplace")
        assert found.left_out == max(0, len(body) - 262_144)


@pytest.mark.parametrize("masks", [True, False])
def test_no_page_of_an_event_is_large(make_app: MakeApp, masks: bool) -> None:
    app = make_app(YCLOUD_INSPECTOR_MASKS=masks)
    client = inspected(app)
    bodies = [
        nested(200, ",".join("0" * 200_000)),
        nested(600),
        nested(49, ",".join("0" * 120_000)),
        json.dumps('"<&' * 200_000).encode(),
        b"\xff" * 900_000,
        nested(100_000),
    ]
    for body in bodies:
        assert deliver(app, body).status_code == 200
        tracemalloc.start()
        page = client.get(f"{PAGE}events/{body_id(body)}")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert page.status_code == 200
        assert len(page.data) < 2 * 2**20
        assert peak < 32 * 2**20
    text = words(client.get(f"{PAGE}events/{body_id(bodies[0])}"))
    assert ("138,255 more bytes are not shown: download the exact body." in text) == (
        not masks
    )


def test_lists_read_no_bodies(make_app: MakeApp, inbox_url: str) -> None:
    app = make_app(YCLOUD_INBOX_URL=inbox_url)
    client = inspected(app)
    for number in range(20):
        deliver(app, json.dumps({"n": number, "x": "x" * 900_000}).encode())
    client.get(PAGE)
    for page in ("", "rows", "?state=dead", f"?id={body_id(b'x')}"):
        tracemalloc.start()
        assert client.get(PAGE + page).status_code == 200
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 5 * 2**20, page
