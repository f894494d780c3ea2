"""Events are values: they are pickled, copied, compared, hashed and put in sets."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from flask_ycloud import Event, InboxUnavailable, parse_event
from flask_ycloud.protocol import read_again

from ..support import body_of

CONNECTION: Any = object()


class Transaction:
    """A handler's: it cannot be copied."""

    def open(self) -> Any:
        return CONNECTION

    def join(self, session: Any) -> None: ...

    def __reduce__(self) -> Any:
        raise TypeError


def an_event() -> Event[Any]:
    """As a handler has it."""
    return dataclasses.replace(parse_event(body_of()), transaction=Transaction())


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))],
)
def test_a_copy_is_equal_and_outside_of_any_handler(
    copied: Callable[[Event[Any]], Event[Any]],
) -> None:
    event = an_event()
    other = copied(event)
    assert event.connection is CONNECTION
    assert (other, hash(other), repr(other)) == (event, hash(event), repr(event))
    assert (other.body, other.raw, other.data) == (event.body, event.raw, event.data)
    with pytest.raises(InboxUnavailable, match=r"work in a handler only"):
        _ = other.connection


def test_as_a_dictionary_and_back() -> None:
    event = an_event()
    values = dataclasses.asdict(event)
    assert "transaction" not in values
    assert Event(**values) == event
    assert pickle.loads(pickle.dumps(values)) == values


def test_a_changed_one_still_has_its_handlers_connection() -> None:
    event = dataclasses.replace(an_event(), data={})
    assert event.data == {}
    assert event.connection is CONNECTION
    assert event != an_event()


def test_as_a_key() -> None:
    @lru_cache
    def work(event: Event[Any]) -> str:
        return event.id

    event = an_event()
    assert work(event) is work(copy.copy(event))
    assert len({event, copy.copy(event), an_event()}) == 2
    event.data.clear()
    assert event in {event}


def test_read_again_it_shares_nothing() -> None:
    event = an_event()
    again = dataclasses.replace(event, **read_again(event))
    assert again == event
    assert again.connection is CONNECTION
    event.data.clear()
    event.raw.clear()
    assert again.data
    assert again.raw
