"""Handlers: who is subscribed, and which of them an event has.

A handler is a blinker receiver with a name. The name is what the inbox keeps outcomes
by, so it must stay the same from one start of the app to the next.
"""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigurationError, UnknownEventTypeWarning
from ..protocol import EVENT_TYPES, KNOWN_SUBSCRIPTIONS, closest_hint, patterns
from ..settings import DELAYS_TAKE, delays_in
from .invocation import Handler, Receiver, code_of, function_of
from .signals import EventSignals

if TYPE_CHECKING:
    from ..payloads import OnEvent

FuncT = TypeVar("FuncT", bound=Callable[[Any], Any])


class Handlers:
    """The subscriptions of a scope: the whole process, or one endpoint."""

    def __init__(self) -> None:
        self.signals = EventSignals()
        self._by_name: dict[str, Handler] = {}
        self._lock = threading.Lock()

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

        The same module, qualified name and code registered again (an app factory called
        twice, a reload) replaces the earlier one.

        :param types: event types such as ``"sms.message.updated"``, or patterns:
            ``"whatsapp.*"``, ``"whatsapp.message.*"``, ``"*"``.
        :param name: what the inbox calls this handler; ``module:qualname`` if left out.
        :param timeout: seconds after which an ``async def`` handler is cancelled, which
            counts as a failure. A plain function cannot have one.
        :param retry_delays: seconds before each retry of this handler, in place of
            ``YCLOUD_RETRY_DELAYS``.
        :raises ConfigurationError: if there is no type, the name is taken by other code,
            or an option is wrong.
        """
        _check_types(types)
        delays = _checked_delays(retry_delays)

        def subscribe(func: FuncT) -> FuncT:
            _check_timeout(timeout, func)
            handler = self._adopt(Handler(name or _name_of(func), func, timeout, delays))
            for each in types:
                self.signals.signal(each).connect(handler, weak=False)
            return func

        return subscribe

    def _adopt(self, handler: Handler) -> Handler:
        with self._lock:
            earlier = self._by_name.get(handler.name)
            if earlier is not None:
                if earlier.func is handler.func:
                    return earlier  # stacked decorators: it has more types
                if code_of(earlier.func) != code_of(handler.func):
                    raise ConfigurationError(
                        f"A handler named {handler.name!r} is registered already, with"
                        " other code. The inbox keeps outcomes by that name, so give one"
                        " of them its own: @on_event(…, name='…')."
                    )
                self.signals.disconnect(earlier)
            self._by_name[handler.name] = handler
            return handler


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
            name = base = _receiver_name(receiver)
            number = 1
            while name in found and function_of(found[name]) != function_of(receiver):
                number += 1
                name = f"{base}#{number}"  # two lambdas, or a name in two scopes
            found.setdefault(name, receiver)
    return found


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


def _check_types(types: tuple[str, ...]) -> None:
    if not types or not all(isinstance(each, str) and each for each in types):
        raise ConfigurationError(
            "on_event takes event types: @on_event('sms.message.updated'), or"
            " @on_event('*') for every event."
        )
    for each in types:
        if each not in KNOWN_SUBSCRIPTIONS:
            warnings.warn(
                f"{each!r} is no documented event type or pattern: {closest_hint(each)}",
                UnknownEventTypeWarning,
                stacklevel=3,
            )


def _checked_delays(delays: Sequence[float] | None) -> tuple[float, ...] | None:
    checked = None if delays is None else delays_in(delays)
    if delays is not None and checked is None:
        raise ConfigurationError(
            f"on_event(…, retry_delays={delays!r}): it takes {DELAYS_TAKE}."
        )
    return checked


def _check_timeout(timeout: float | None, func: Callable[..., Any]) -> None:
    if timeout is None:
        return
    if not _is_async(func):
        raise ConfigurationError(
            f"on_event(…, timeout={timeout!r}) is for async def, and {_name_of(func)} is a"
            " plain function: Python cannot stop a thread, so it would run on. Give a time"
            " limit to what it waits for, such as requests.get(…, timeout=10); or make it"
            " async def."
        )
    if isinstance(timeout, bool) or not 0 < timeout < float("inf"):
        raise ConfigurationError(
            f"on_event(…, timeout={timeout!r}): it takes seconds, above zero."
        )


def _is_async(func: Any) -> bool:
    while isinstance(func, functools.partial):
        func = func.func
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
        getattr(func, "__call__", None)  # noqa: B004  (what it is, not whether)
    )


def _name_of(func: Callable[..., Any]) -> str:
    try:
        return f"{func.__module__}:{func.__qualname__}"
    except AttributeError:
        raise ConfigurationError(
            f"A handler of type {type(func).__name__} has no name of its own. Give it"
            " one: @on_event(…, name='…')."
        ) from None


def _receiver_name(receiver: Receiver) -> str:
    if isinstance(receiver, Handler):
        return receiver.name
    kind = type(receiver)
    named = receiver if hasattr(receiver, "__qualname__") else kind
    return f"{named.__module__}:{named.__qualname__}"
