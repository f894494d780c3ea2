"""Sample events with checked changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import protocol
from ..fields import change


def sample_event(
    name: str,
    /,
    *,
    variant: str | Any = None,  # Any, since a checker takes **changes for it, too
    **changes: Any,
) -> dict[str, Any]:
    """A whole event as YCloud documents it, with a new id and the current time.

    ::

        sample_event("sms.message.updated", status="failed")
        sample_event("whatsapp.inbound_message.received", **{"text.body": "Hello"})
        sample_event("whatsapp.inbound_message.received", variant="image")
        sample_event("contact.created", **{"event.id": "evt_123456"})

    A change is refused if neither YCloud's types nor the sample have such a field. A ``+``
    before a name adds such a field: ``**{"text.+language": "en"}``.

    :param name: the event type.
    :param variant: one of :func:`variants`.
    :param changes: new values in the event's data, by name or dotted path. A path that
        begins with ``event.`` changes the event itself.
    :raises LookupError: if there is no such type, variant or field, or a path leads
        nowhere.
    """
    event = protocol.sample_event(name, variant=variant)
    change(name, event, changes)
    return event


def changed(event: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """An event with changes, as in :func:`sample_event`.

    :raises LookupError: if its type is not documented, there is no such field, or a path
        leads nowhere.
    """
    change(event.get("type") or event["eventType"], event, changes)
    return event
