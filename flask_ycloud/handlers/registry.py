"""Handlers: which are subscribed, and which of them an event has.

A handler is a blinker receiver with a name. The inbox stores outcomes under this name, so
the name must stay the same when the app restarts.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..errors import ConfigurationError
from ..logs import log
from ..protocol import EVENT_TYPES, KNOWN_SUBSCRIPTIONS, patterns
from .checks import check_function, check_timeout, check_types, checked_delays
from .functions import code_of, hold_the_same, is_defined_again, is_same_source, name_of
from .invocation import Handler, Receiver, function_of, name_of_receiver
from .signals import EventSignals

if TYPE_CHECKING:
    from ..payloads import OnEvent

_logger = logging.getLogger(__name__)

FuncT = TypeVar("FuncT", bound=Callable[[Any], Any])

#: The subscriptions of every scope.
every_scope: weakref.WeakSet[Handlers] = weakref.WeakSet()


class Handlers:
    """The subscriptions of a scope: the whole process, or one endpoint."""

    def __init__(self) -> None:
        self.signals = EventSignals()
        self._by_name: dict[str, Handler] = {}
        self._lock = threading.Lock()
        every_scope.add(self)

    def on_event(
        self,
        *types: str,
        name: str | None = None,
        timeout: float | None = None,
        retry_delays: Sequence[float] | None = None,
    ) -> Any:  # a decorator; OnEvent has the types of its handlers
        """Subscribe the decorated function, ``def`` or ``async def``, to events.

        It is called with an :class:`Event`, in an app context, after the delivery was
        answered. It is held strongly and returned unchanged. If it raises, only this
        handler runs again later.

        If the same function is registered again, it replaces the earlier one. This happens
        if an app factory is called twice, a module is reloaded, or a notebook cell is run
        again. A different function with the same name, as in a loop or with other types, is
        refused: give it a ``name``.

        :param types: event types such as ``"sms.message.updated"``, or patterns:
            ``"whatsapp.*"``, ``"whatsapp.message.*"``, ``"*"``.
        :param name: the handler's name in the inbox; ``module:qualname`` if left out.
        :param timeout: seconds after which an ``async def`` handler is cancelled, which
            counts as a failure. A plain function cannot have one.
        :param retry_delays: seconds before each retry of this handler, in place of
            ``YCLOUD_RETRY_DELAYS``.
        :raises ConfigurationError: if there is no type, the name is taken by another
            function, the function cannot be called with an event, or an option is wrong.
        """
        check_types(types)
        delays = checked_delays(retry_delays)

        def subscribe(func: FuncT) -> FuncT:
            check_function(func)
            check_timeout(timeout, func)
            its_name, named = name or name_of(func), name is not None
            handler = self._adopt(
                Handler(its_name, func, timeout, delays, frozenset(types), named, _apps)
            )
            for each in types:
                self.signals.signal(each).connect(handler, weak=False)
            return func

        return subscribe

    def _adopt(self, handler: Handler) -> Handler:
        with self._lock:
            earlier = self._by_name.get(handler.name) or self._twin_of(handler)
            if earlier is not None:
                if earlier.func == handler.func:
                    return earlier  # stacked decorators add types
                if not _replaces(earlier, handler):
                    raise ConfigurationError(_refusal(earlier, handler))
                self.signals.disconnect(earlier)
                del self._by_name[earlier.name]
            self._by_name[handler.name] = handler
            return handler

    def _twin_of(self, handler: Handler) -> Handler | None:
        """The same handler, of a module that was imported under two names."""
        for each in self._by_name.values():
            if each.named or handler.named or not is_same_source(each.func, handler.func):
                continue
            log(
                _logger,
                logging.WARNING,
                "Handlers %s and %s are the same: their module was imported twice. It runs"
                " once for each event. Import the module under one name only.",
                each.name,
                handler.name,
            )
            return each
        return None


# How many apps this process has made. An app factory that is called twice registers its
# handlers twice, and makes an app in between.
_apps = 0


def note_app() -> None:
    """Note a new app with endpoints: later handlers may belong to another app."""
    global _apps
    _apps += 1


#: The subscriptions to every endpoint.
everywhere = Handlers()

# For type checkers it also has the data of each event type.
on_event: OnEvent = everywhere.on_event


def event_signal(subscription: str) -> Any:
    """The blinker signal of an event type or pattern.

    A receiver is called as ``receiver(app, event=event)``. It is treated as a handler: it
    has its own retries, and its outcome is stored under its name. Blinker holds it weakly
    unless it is connected with ``weak=False``.

    :param subscription: for example ``"sms.message.updated"``, ``"whatsapp.*"``, ``"*"``.
    """
    return everywhere.signals.signal(subscription)


def handlers_for(app: object, event_type: str, *scopes: Handlers) -> dict[str, Receiver]:
    """The handlers and plain receivers that an event of this type has, by name."""
    found: dict[str, Receiver] = {}
    for scope in scopes:
        for receiver in scope.signals.receivers(app, event_type):
            name = base = name_of_receiver(receiver)
            number = 1
            while name in found and function_of(found[name]) != function_of(receiver):
                number += 1
                name = f"{base}#{number}"  # two lambdas, or a name in two scopes
            found.setdefault(name, receiver)
    return found


class Subscribed(NamedTuple):
    """A handler or plain receiver, and one type or pattern that it is subscribed to."""

    subscription: str
    name: str
    receiver: Receiver
    scope: Handlers


def all_handlers(app: object, *scopes: Handlers) -> list[Subscribed]:
    """Every handler and plain receiver in these scopes, by type or pattern."""
    return [
        Subscribed(name, name_of_receiver(receiver), receiver, scope)
        for scope in scopes
        for name in sorted(scope.signals.subscriptions())
        for receiver in scope.signals.receivers_of(app, name)
    ]


def subscriptions(*scopes: Handlers) -> set[str]:
    """The types and patterns that have a subscription in these scopes."""
    return {name for scope in scopes for name in scope.signals.subscriptions()}


def types_handled(*scopes: Handlers) -> list[str]:
    """The event types that have a subscription in these scopes.

    A pattern counts for all documented types that match it.
    """
    handled = subscriptions(*scopes)
    known = [name for name in EVENT_TYPES if not handled.isdisjoint(patterns(name))]
    return known + sorted(each for each in handled - KNOWN_SUBSCRIPTIONS if "*" not in each)


def _replaces(earlier: Handler, later: Handler) -> bool:
    """Whether it is the same handler, registered again."""
    old, new = earlier.func, later.func
    if code_of(old) is not code_of(new):
        return is_defined_again(old, new)
    same_types, other_app = earlier.types == later.types, earlier.apps != later.apps
    if other_app and later.named:
        return True
    return same_types and hold_the_same(old, new, alike=other_app)


def _refusal(earlier: Handler, later: Handler) -> str:
    if code_of(earlier.func) is not code_of(later.func):
        difference = "with other code"
    elif earlier.types != later.types:
        difference = "for other event types"
    else:
        difference = "by the same code with other values, as in a loop"
    return (
        f"A handler named {later.name!r} is registered already, {difference}. The inbox"
        " stores outcomes under that name, so give each handler its own: @on_event(…,"
        " name='…')."
    )
