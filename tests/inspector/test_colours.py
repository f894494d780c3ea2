"""JSON in colours is the same text, and nothing in it is markup."""

from __future__ import annotations

import html
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from flask_ycloud.inspector.colours import coloured

values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=10,
)


@given(values)
def test_the_text_stays(value: object) -> None:
    text = json.dumps(value, indent=2)
    shown = re.sub(r'<span class="json-[a-z]+">|</span>', "", coloured(text))
    assert html.unescape(shown) == text
    assert "<" not in shown


def test_each_part_has_the_class_of_its_kind() -> None:
    text = json.dumps({"a:b": ['x "y": <b>', -1.5e9, True, None]})
    assert re.findall(r'json-(\w+)">(.*?)</span>', coloured(text)) == [
        ("key", "&#34;a:b&#34;"),
        ("text", "&#34;x \\&#34;y\\&#34;: &lt;b&gt;&#34;"),
        ("number", "-1500000000.0"),
        ("word", "true"),
        ("word", "null"),
    ]


def test_a_long_one_has_none() -> None:
    assert "<" not in coloured("[" + "1," * 40_000 + '"<"]')
