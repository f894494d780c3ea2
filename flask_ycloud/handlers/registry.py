"""Handlers: who is subscribed, and which of them an event has.

A handler is a blinker receiver with a name. The name is what the inbox keeps outcomes
by, so it must stay the same from one start of the app to the next.
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
    ) -> Any:  # a decorator; OnEvent says of which handlers
        """Subscribe the decorated function, ``def`` or ``async def``, to events.

        It is called with an :class:`Event`, inside an app context, after the delivery
        was answered. It is held strongly and returned unchanged. If it raises, only
        this handler runs again later.

        The same function registered again replaces the earlier one: by an app factory that
        is called twice, a reload, or a notebook cell. If a function of the same name is
        another one, as in a loop or with other types, it is refused: give it a ``name``.

        :param types: event types such as ``"sms.message.updated"``, or patterns:
            ``"whatsapp.*"``, ``"whatsapp.message.*"``, ``"*"``.
        :param name: what the inbox calls this handler; ``module:qualname`` if left out.
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
                    return earlier  # stacked decorators: it has more types
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
                "Handlers %s and %s are one: their module was imported twice. It runs once"
                " for each event. Import the module by one name.",
                each.name,
                handler.name,
            )
            return each
        return None


# How many apps this process has made. An app factory that is called twice registers its
# handlers twice, and makes an app in between.
_apps = 0


def note_app() -> None:
    """An app has got its endpoints: handlers from now on may be those of another app."""
    global _apps
    _apps += 1


#: The subscriptions to every endpoint.
everywhere = Handlers()

# To a type checker it knows the data of each event type, too.
on_event: OnEvent = everywhere.on_event


def event_signal(subscription: str) -> Any:
    """The blinker signal of an event type or pattern.

    A receiver is called as ``receiver(app, event=event)``, and treated as a handler:
    alone, with retries, its outcome kept by its name. Blinker holds it weakly unless it
    is connected with ``weak=False``.

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
    """The types and patterns that somebody in these scopes is subscribed to."""
    return {name for scope in scopes for name in scope.signals.subscriptions()}


def types_handled(*scopes: Handlers) -> list[str]:
    """The event types that somebody in these scopes is subscribed to.

    A pattern stands for the documented types that it reaches.
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
        " keeps outcomes by that name, so give each handler its own: @on_event(…,"
        " name='…')."
    )
