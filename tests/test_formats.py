"""Foreign text, in which nothing acts on a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from flask_ycloud.formats import counted, rejection, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 漢字, → 👩‍💻", "Grüße, 漢字, → 👩‍💻"),
        ("red \x1b[31m", "red \\x1b[31m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\rb\tc\x00\x07\x7f", "a\\rb\\tc\\x00\\x07\\x7f"),
        ("\u202egpj.exe\u202c", "\\u202egpj.exe\\u202c"),
        ("\u2066x\u2069 \u200f", "\\u2066x\\u2069 \\u200f"),
        ("a\nb", "a\nb"),
        ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)  # fmt: skip
def test_what_acts_is_shown_by_its_number(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_line_breaks_may_be_shown_too() -> None:
    assert visible("a\nstate  done", keep="") == "a\\nstate  done"


def test_no_control_and_no_bidirectional_character_is_left() -> None:
    text = visible("".join(map(chr, range(0x11000))), keep="")
    left = {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs")}
    assert left == {"\u200c", "\u200d"}, "emojis are joined by them"
    bidirectional = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not any(unicodedata.bidirectional(each) in bidirectional for each in text)


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 bodies"), (1, "1 body"), (1_200, "1,200 bodies")]
)
def test_numbers_with_their_nouns(number: int, shown: str) -> None:
    assert counted(number, "body", "bodies") == shown
    assert counted(2, "event") == "2 events"


def test_why_a_delivery_was_rejected() -> None:
    assert rejection("missing") == "no signature header"
    assert rejection("mismatch") == "mismatch"
