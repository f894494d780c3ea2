"""The types of ``on_event``: which handlers fit which subscriptions."""

from __future__ import annotations

from flask_ycloud.protocol import EVENT_TYPES, KNOWN_SUBSCRIPTIONS, EventType, patterns

from .classes import class_name, quoted
from .schema import schema_names

#: How many types or patterns of one ``on_event`` a type checker checks.
MOST = 6

TEXT = '''
if TYPE_CHECKING:
    from .protocol import Event

    #: The documented event types, and the patterns that reach them.
    Subscription: TypeAlias = Literal[{subscriptions}]

    # A handler fits if it takes the data of all that it is subscribed to. Each set of
    # payloads has a variable, so that the decorated function keeps its own type.
{variables}
    AnyHandler = TypeVar("AnyHandler", bound=Callable[[Any], Any])

    SubscriptionT_co = TypeVar("SubscriptionT_co", covariant=True)

    class Subscribe(Protocol[SubscriptionT_co]):
        """The decorator of a handler with one subscription."""
{decorators}

    SubscribeT = TypeVar("SubscribeT")

    class SubscribeToAll(Protocol[SubscribeT]):
        """The decorator of a handler with several: it must fit each of them."""

        __call__: SubscribeT

{letters}

    class OnEvent(Protocol):
        """What ``on_event`` is to a type checker."""
{calls}
'''

DECORATOR = """
        @overload
        def __call__(
            self: 'Subscribe[Literal[{subscriptions}]]', handler: {handler}, /
        ) -> {handler}: ...
"""

CALL = """
        @overload
        def __call__({ignored}
            self,
            {parameters}
            name: str | None = None,
            timeout: float | None = None,
            retry_delays: Sequence[float] | None = None,
        ) -> {result}: ...
"""

# They overlap with the last overload, which takes any text, for undocumented types.
OVERLAPS = "  # pyright: ignore[reportOverlappingOverload]"


def payload_names(event_type: EventType) -> list[str]:
    """Return the types of an event type's data."""
    return list(dict.fromkeys(schema_names(event_type).values()))


def text() -> str:
    """Return the type of ``on_event``, and the types that it uses."""
    handlers = {}
    for data, subscriptions in _by_data().items():
        handlers[_handler(data, subscriptions)] = (data, subscriptions)
    known = [each for _, subscriptions in handlers.values() for each in subscriptions]
    return TEXT.format(
        subscriptions=quoted(known),
        variables="\n".join(
            f'    {name} = TypeVar("{name}", bound=Callable[[Event[{data}]], Any])'
            for name, (data, _) in handlers.items()
        ),
        decorators="".join(
            DECORATOR.format(subscriptions=quoted(each), handler=name)
            for name, (_, each) in handlers.items()
        ),
        letters="\n".join(
            f'    T{n} = TypeVar("T{n}", bound=Subscription)' for n in range(1, MOST + 1)
        ),
        calls="".join(_call(count) for count in range(1, MOST + 1)) + _any_call(),
    )


def _by_data() -> dict[str, list[str]]:
    """Group all subscriptions by the types of their data."""
    found: dict[str, list[str]] = {}
    for subscription in [*EVENT_TYPES, *sorted(KNOWN_SUBSCRIPTIONS - set(EVENT_TYPES))]:
        names: dict[str, None] = {}
        for event_type in EVENT_TYPES.values():
            if subscription in patterns(event_type.name):
                names |= dict.fromkeys(payload_names(event_type))
        data = "Payload" if subscription == "*" else " | ".join(names)
        found.setdefault(data, []).append(subscription)
    return found


def _handler(data: str, subscriptions: list[str]) -> str:
    """Return a name that tells the expected handler in an error of a type checker."""
    if " | " not in data:
        return f"{data}Handler"
    shortest = min(subscriptions, key=len).replace("*", "any")
    return class_name(shortest.replace(".", "_")) + "Handler"


def _call(count: int) -> str:
    letters = [f"T{n}" for n in range(1, count + 1)]
    decorators = " | ".join(f"Subscribe[{each}]" for each in letters)
    return CALL.format(
        ignored=OVERLAPS,
        parameters="\n            ".join(
            [*(f"type_{each[1:]}: {each}," for each in letters), "/,", "*,"]
        ),
        result=decorators if count == 1 else f"SubscribeToAll[{decorators}]",
    )


def _any_call() -> str:
    result = "Callable[[AnyHandler], AnyHandler]"
    return CALL.format(ignored="", parameters="*types: str,", result=result)
