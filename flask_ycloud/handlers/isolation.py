"""Handlers of a test: they are removed at its end."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Any, NamedTuple

from blinker import ANY, NamedSignal
from blinker.base import ANY_ID

from .invocation import function_of
from .registry import Handlers, every_scope


@contextmanager
def isolated_handlers() -> Iterator[None]:
    """At the end of a ``with`` block, restore the handlers that were there at its start.

    It removes what ``on_event``, ``event_signal`` and the ``on_event`` of a blueprint have
    subscribed in the block. It restores what was replaced or disconnected there. Handlers
    of a module that is first imported in the block stay: Python does not run the module
    again, so later tests would miss them.

    It is also a decorator::

        @isolated_handlers()
        def test_something(): ...
    """
    before = set(sys.modules)
    found = [_Found(scope) for scope in list(every_scope)]
    try:
        yield
    finally:
        imported = sys.modules.keys() - before
        for each in found:
            each.put_back(imported)


class _Connection(NamedTuple):
    """A receiver of a signal.

    :param held: the receiver, or a weak reference to it.
    :param senders: weak references to the senders, by blinker's ids.
    """

    held: Any
    senders: dict[Any, Any]

    @property
    def receiver(self) -> Any:
        """The receiver; ``None`` if it no longer exists."""
        return self.held() if isinstance(self.held, weakref.ref) else self.held

    def is_like(self, other: _Connection) -> bool:
        """Whether it is the same connection."""
        return self.held is other.held and self.senders.keys() == other.senders.keys()


class _Found:
    """The subscriptions of a scope at one moment."""

    def __init__(self, scope: Handlers) -> None:
        self._scope = scope
        self._by_name = dict(scope._by_name)
        self._connections = {each: _connections(each) for each in _signals(scope)}

    def put_back(self, imported: Set[str]) -> None:
        """Restore the subscriptions.

        :param imported: the modules whose later subscriptions stay.
        """
        for signal in _signals(self._scope):
            found = self._connections.get(signal, [])
            now = _connections(signal)
            if len(now) != len(found) or not all(map(_Connection.is_like, now, found)):
                _reconnect(signal, now, found + _later(now, found, imported))
        with self._scope._lock:
            by_name = self._scope._by_name
            later = {
                name: handler
                for name, handler in by_name.items()
                if name not in self._by_name and _module_of(handler) in imported
            }
            by_name.clear()
            by_name.update(self._by_name | later)


def _signals(scope: Handlers) -> list[NamedSignal]:
    return list(scope.signals._namespace.values())


def _connections(signal: NamedSignal) -> list[_Connection]:
    """The connections in their order. Blinker's API only has the receivers."""
    known: dict[Any, Any] = {ANY_ID: lambda: ANY, **signal._weak_senders}
    return [
        _Connection(
            held,
            {each: known[each] for each in signal._by_receiver[receiver_id] & known.keys()},
        )
        for receiver_id, held in list(signal.receivers.items())
    ]


def _later(
    now: list[_Connection], found: list[_Connection], imported: Set[str]
) -> list[_Connection]:
    """What these modules have connected later."""
    known = {id(each.held) for each in found}
    return [
        each
        for each in now
        if id(each.held) not in known and _module_of(each.receiver) in imported
    ]


def _module_of(receiver: Any) -> str | None:
    return getattr(function_of(receiver), "__module__", None)


def _reconnect(
    signal: NamedSignal, now: list[_Connection], wanted: list[_Connection]
) -> None:
    for each in now:
        signal.disconnect(each.receiver)
    for each in wanted:
        receiver, weak = each.receiver, isinstance(each.held, weakref.ref)
        for sender in [ref() for ref in each.senders.values()]:
            if receiver is not None and sender is not None:
                signal.connect(receiver, sender, weak=weak)
