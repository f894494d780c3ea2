"""Find a person in the body of an event: a telephone number, user id or e-mail address."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from ..protocol import searched_name

_SHORTEST_NUMBER = 5  # digits
_SHORTEST = 4  # characters, of a user id or an e-mail address

#: Characters between the digits of a number.
_BETWEEN = r"[\s\u00a0().\-]{0,2}"
_DIGITS = re.compile(r"[0-9]+")
_GROUPED = re.compile(rf"\+?[0-9](?:{_BETWEEN}[0-9])*")
#: After a plus and so many digits, another number may follow.
_SHORTEST_WHOLE = 7
_WAMID = re.compile(r"wamid\.([A-Za-z0-9+/_-]+)")


class Person:
    """A person: a telephone number, a user id, or an e-mail address.

    :param who: a number may have a plus, spaces, dots, hyphens and brackets. With a plus it
        may have the zero that is dialled inside the country, as in ``+44 (0) 7901 614024``.
    :raises ValueError: if it is too short to identify a person.
    """

    def __init__(self, who: str) -> None:
        #: The normalised form, which is the same for every way to write a number.
        self.name = searched_name(" ".join(who.split()))
        is_number = self.name.isascii() and self.name.isdigit()
        self._digits = self.name if is_number else ""
        if len(self.name) < (_SHORTEST_NUMBER if is_number else _SHORTEST):
            raise ValueError(
                f"A person is a telephone number of {_SHORTEST_NUMBER} digits or more, or a"
                f" user id or an e-mail address of {_SHORTEST} characters or more."
            )
        self._numbers = (self._digits, f"00{self._digits}")
        # A part of a longer word or address does not match: ann@example.com is not in
        # jo.ann@example.com.
        self._words = re.compile(
            rf"(?<!\w)(?<!\w[.+-]){re.escape(self.name)}(?!\w|[.@-]\w)"
        )

    def is_in(self, body: bytes) -> bool:
        """Whether a body names the person: in a text, as a number, or as a key."""
        return any(self.is_named(text) for text in _texts(body))

    def is_named(self, text: str) -> bool:
        """Whether a text names the person."""
        if not self._digits:
            return self._in_words(text.casefold())
        return any(map(self._in_digits, _spellings(text))) or any(
            self._in_digits(_decoded(each)) for each in _WAMID.findall(text)
        )

    def _in_words(self, text: str) -> bool:
        return self.name in text and self._words.search(text) is not None

    def _in_digits(self, text: str) -> bool:
        if any(run in self._numbers for run in _DIGITS.findall(text)):
            return True
        longest = len(self._numbers[-1])
        return any(
            joined in self._numbers
            for each in _GROUPED.findall(text)
            for joined in _joined(each, longest)
        )


def _spellings(text: str) -> Iterator[str]:
    """A text, and the text without the zeros that are dialled inside a country only."""
    yield text
    if "(0)" in text:
        yield text.replace("(0)", "")


def _joined(text: str, longest: int) -> Iterator[str]:
    """Join neighbouring groups of digits in all ways: "… 678. 3 items" has two numbers.

    A number begins at a plus. The groups that follow at once are parts of that number.

    :param longest: the length of the longest number that is searched for, in digits.
    """
    groups = _DIGITS.findall(text)
    before = 0
    for start, first in enumerate(groups):
        if before == 0 or before >= _SHORTEST_WHOLE or text[0] != "+":
            joined = ""
            for group in groups[start : start + longest]:
                joined += group
                if len(joined) > longest:
                    break
                yield joined
        before += len(first)


def _decoded(encoded: str) -> str:
    """Decode a message id of WhatsApp, which contains the customer's number."""
    whole = encoded[: len(encoded) // 4 * 4].translate({ord("-"): "+", ord("_"): "/"})
    return base64.b64decode(whole).decode("latin-1")


def _texts(body: bytes) -> Iterator[str]:
    """Every text, number and key of a body, or the whole body if it is not JSON."""
    text = body.decode("utf-8", "replace")
    waiting: list[Any] = [_loaded(text, text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str):
            yield value
            if value[:1] in ("{", "["):  # forms answer with JSON in a text
                inside = _loaded(value, None)
                waiting.extend(inside if isinstance(inside, list) else ())


def _loaded(text: str, otherwise: Any) -> Any:
    """JSON as lists and texts, including all keys, and all values of a repeated key."""
    try:
        return json.loads(
            text,
            object_pairs_hook=lambda pairs: [each for pair in pairs for each in pair],
            parse_int=str,
            parse_float=str,
        )
    except (ValueError, RecursionError):
        return otherwise
