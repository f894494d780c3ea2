"""Read an :class:`Event` from bytes."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol

from ..errors import EventNotUnderstood, InboxUnavailable
from .event_types import COMMON_PROPERTIES, EVENT_TYPES

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.orm import Session, scoped_session

    # Type checkers bring this package. A bare ``Event`` means ``Event[Any]``.
    from typing_extensions import TypeVar

    DataT_co = TypeVar("DataT_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    DataT_co = TypeVar("DataT_co", covariant=True)

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.A
)
# YCloud's schema says 128 for an id, its Developer Kit tells receivers to take 255.
_LONGEST = {"id": 255}
_HASH = "sha256:"  # of a body that is not an event
_LONGEST_NAME = 128  # no documented type comes near it

#: Why there is no transaction.
OUTSIDE_A_HANDLER = (
    "event.connection and event.join() work in a handler only: in its own thread, while it"
    " runs. Elsewhere use a connection or a session of your app's own."
)


class HandlerTransaction(Protocol):
    """The transaction of one run of a handler, in the inbox's database."""

    def open(self) -> Connection:
        """The connection, in its transaction."""
        ...

    def join(self, session: Session | scoped_session[Any]) -> None:
        """Let a session write on the connection."""
        ...


@dataclass(frozen=True)
class Event(Generic[DataT_co]):
    """One YCloud event, as a handler receives it.

    Its ``repr`` shows no payload, so it can be logged.

    :param id: YCloud's id of the event; the same in every redelivery.
    :param type: for example ``"sms.message.updated"``.
    :param api_version: for example ``"v2"``.
    :param create_time: when YCloud created it; aware, in UTC.
    :param data: the type's own object, such as ``whatsappMessage``.
    :param raw: the whole object as it arrived.
    :param endpoint: the name of the :class:`WebhookBlueprint` at which it arrived.
    :param tenant: its tenant; ``None`` if the endpoint has no tenants.
    :param endpoint_id: YCloud's id of the webhook endpoint to which it was sent; ``None``
        if the delivery had no such header.
    :param attempt: the number of this attempt of this handler, from 1.
    :param received_at: when it was accepted; aware, in UTC.
    :param body: the raw bytes as they arrived, which YCloud has signed.
    :param transaction: what :attr:`connection` and :meth:`join` use; ``None`` outside a
        handler.
    """

    id: str
    type: str
    api_version: str
    create_time: datetime
    data: DataT_co = field(repr=False)
    raw: dict[str, Any] = field(repr=False)
    endpoint: str = ""
    attempt: int = 1
    received_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    tenant: str | None = None
    endpoint_id: str | None = None
    body: bytes = field(default=b"", repr=False, compare=False)
    transaction: InitVar[HandlerTransaction | None] = None  # not a field of the event

    def __post_init__(self, transaction: HandlerTransaction | None) -> None:
        object.__setattr__(self, "transaction", transaction)

    def __hash__(self) -> int:
        return hash((self.id, self.endpoint, self.tenant))  # data cannot be hashed

    def __getstate__(self) -> dict[str, Any]:
        """Pickle and copy the event without its transaction."""
        return {**self.__dict__, "transaction": None}

    @property
    def connection(self) -> Connection:
        """A connection to the inbox's database, in a transaction of this handler's own.

        What the handler writes on it and the handler's success are committed together, or
        not at all. So if the app's tables are in the same database, the handler takes
        effect exactly once. If the handler raises, the transaction is rolled back. The
        inbox commits and closes the connection: do not call ``commit()`` or ``close()``,
        and do not use ``with``.

        It is available only in the handler's own thread, while the handler runs. On SQLite
        it blocks every other writer until the handler returns, deliveries included: use it
        last, and only for a short time.

        :raises InboxUnavailable: if the database cannot be reached, no handler runs, or
            this is another thread than the handler's.
        :raises ConfigurationError: if the handler has closed it, or tried to commit it.
        """
        return self._own_transaction().open()

    def join(self, session: Session | scoped_session[Any]) -> None:
        """Let a SQLAlchemy session write on :attr:`connection`, until the handler ends.

        What the session writes and the handler's success are committed together, or not at
        all. You may call its ``commit()``, ``flush()``, ``rollback()`` and
        ``begin_nested()``, or none of them: its changes are written when the handler ends
        or the session is closed. Then the session is closed, and works as before.

        The session takes the connection at its first use. Call ``join()`` before that: a
        session that is already in a transaction is refused.

        :param session: a ``Session`` or a ``scoped_session`` of SQLAlchemy, such as
            ``db.session`` of Flask-SQLAlchemy. Its database must be the inbox's.
        :raises ConfigurationError: if it is not a session, has another database, or is in a
            transaction. A session with several databases raises it when it uses another
            one than the inbox's.
        :raises InboxUnavailable: if no handler runs, or this is another thread than the
            handler's.
        """
        self._own_transaction().join(session)

    def _own_transaction(self) -> HandlerTransaction:
        transaction: HandlerTransaction | None = vars(self)["transaction"]
        if transaction is None:
            raise InboxUnavailable(OUTSIDE_A_HANDLER)
        return transaction


def parse_event(
    body: bytes,
    *,
    endpoint: str = "",
    tenant: str | None = None,
    endpoint_id: str | None = None,
    received_at: datetime | None = None,
) -> Event[Any]:
    """Read an event from the body of a delivery.

    :param body: the raw bytes, already verified.
    :param endpoint: where it arrived.
    :param tenant: its tenant.
    :param endpoint_id: YCloud's id of the endpoint.
    :param received_at: when it was accepted; now if left out.
    :raises EventNotUnderstood: if it is not a JSON object with the four common
        properties. Nothing else is raised, whatever the bytes.
    """
    raw = _load(body)
    # An older page shows flow events as eventId and eventType:
    # https://docs.ycloud.com/reference-link/whatsapp-flow-webhook-examples
    event_type = _name(raw, "type", "eventType")
    event_id = _name(raw, "id", "eventId")
    if event_id.startswith(_HASH):
        raise EventNotUnderstood(f"the event's id begins with {_HASH!r}, which is ours")
    return Event(
        id=event_id,
        type=event_type,
        api_version=_name(raw, "apiVersion"),
        create_time=read_time(raw.get("createTime")),
        data=_data(event_type, raw),
        raw=raw,
        endpoint=endpoint,
        tenant=tenant,
        endpoint_id=endpoint_id,
        received_at=received_at or datetime.now(timezone.utc),
        body=body,
    )


def read_again(event: Event[Any]) -> dict[str, Any]:
    """Another ``data`` and ``raw`` of the same event, which may be changed."""
    raw = json.loads(event.body)  # it was checked before
    return {"data": _data(event.type, raw), "raw": raw}


def body_id(body: bytes) -> str:
    """The id under which a body that is not an event is stored: ``sha256:`` and hex."""
    return _HASH + hashlib.sha256(body).hexdigest()


def conversation_names(event: Event[Any]) -> tuple[str, ...]:
    """The names of the conversation that this event belongs to, the best first.

    Two events with a name in common are handled in order of arrival. An event has several
    names if its customer has several: a user id and a telephone number. It has none if the
    catalogue has no keys for its type.

    Names differ by endpoint and tenant, so an event never waits for an event of another
    app. They are hashed, since they contain telephone numbers.
    """
    place = (event.endpoint, event.tenant or "")
    return tuple(dict.fromkeys(_hash(*place, *each) for each in _alike(event)))


def conversation_values(event: Event[Any]) -> tuple[str, ...]:
    """The values in the names, such as the telephone numbers of both sides."""
    return tuple(value for _, *values in _alike(event) for value in values)


def _alike(event: Event[Any]) -> list[tuple[str, ...]]:
    """The names before they are hashed, of the best kind that the event has."""
    known = EVENT_TYPES.get(event.type)
    if known is None or not isinstance(event.data, dict):
        return []
    found: list[tuple[str, list[str]]] = []
    for kind, fields in known.keys:
        values = [_text_at(event.data, path) for path in fields]
        if all(values):
            found.append((kind, values))
    return [(kind, *values) for kind, values in found if kind == found[0][0]]


def _text_at(data: Any, path: str) -> str:
    """The text at a dotted path, without a plus; empty if there is none."""
    for step in path.split("."):
        data = data.get(step) if isinstance(data, dict) else None
    return data.removeprefix("+") if isinstance(data, str) else ""


def _hash(*values: str) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def _load(body: bytes) -> dict[str, Any]:
    try:
        loaded = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError:
        raise EventNotUnderstood("the body is not UTF-8") from None
    except RecursionError:
        raise EventNotUnderstood("the JSON is nested too deeply") from None
    except ValueError:
        # From None, here and above: the original errors quote the body.
        raise EventNotUnderstood("the body is not JSON") from None
    if not isinstance(loaded, dict):
        raise EventNotUnderstood("the JSON is not an object")
    return loaded


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        # RFC 8259, section 4: the meaning of such an object is not defined.
        raise EventNotUnderstood("the JSON has an object with the same key twice")
    return made


def _no_constant(_: str) -> NoReturn:
    raise EventNotUnderstood("the JSON has NaN or Infinity, which are not JSON")


def _name(raw: dict[str, Any], *properties: str) -> str:
    """A short printable string: databases reject NUL and lone surrogates."""
    value = next((raw[each] for each in properties if each in raw), None)
    if not isinstance(value, str) or not value:
        raise EventNotUnderstood(f"the event has no {properties[0]}")
    longest = _LONGEST.get(properties[0], _LONGEST_NAME)
    if len(value) > longest or not value.isprintable():
        raise EventNotUnderstood(
            f"the event's {properties[0]} is not up to {longest} printable characters"
        )
    return value


def read_time(value: object) -> datetime:
    """A time in RFC 3339, aware and in UTC.

    :raises EventNotUnderstood: if it is not such a time.
    """
    match = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise EventNotUnderstood("the event has no createTime in RFC 3339")
    date, time, fraction, sign, hours, minutes = match.groups()
    micros = f"{fraction or '':0<6.6}"
    try:
        local = datetime.fromisoformat(f"{date}T{time}.{micros}+00:00")
        ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return local + ahead if sign == "-" else local - ahead
    except (ValueError, OverflowError):
        raise EventNotUnderstood("the event's createTime is not a time") from None


def _data(event_type: str, raw: dict[str, Any]) -> Any:
    """The type's own object, whichever property has it."""
    known = EVENT_TYPES.get(event_type)
    found = known.property_in(raw) if known else None
    if found is not None:
        return raw[found]
    others = {
        name: value
        for name, value in raw.items()
        if name not in COMMON_PROPERTIES | {"eventId", "eventType"}
    }
    if len(others) == 1:
        return next(iter(others.values()))
    objects = [value for value in others.values() if isinstance(value, dict)]
    return objects[0] if len(objects) == 1 else others
