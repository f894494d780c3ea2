"""The catalogue: every event type that YCloud documents, and where its data is.

Sources: the enum ``EventType`` of YCloud's OpenAPI document (YCloud-Developers/
ycloud-sdk-go, ``api/openapi.yaml``), and the pages below
https://docs.ycloud.com/en/api-reference/webhook-reference/overview. Event types are
plain strings, not an enum: a new type of YCloud's needs no new release of this package.
"""

from __future__ import annotations

import difflib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any, NamedTuple

#: The properties that every event has beside its type's own.
COMMON_PROPERTIES = frozenset({"id", "type", "apiVersion", "createTime"})

_SAMPLES = files("flask_ycloud.protocol") / "samples"


class Key(NamedTuple):
    """What identifies a conversation: the values of some fields of an event's data.

    :param kind: what is identified. Keys of the same kind are comparable across event
        types. Two keys of the same kind in an event are two names of the same conversation.
    :param fields: the fields, by dotted path. All must be there.
    """

    kind: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class EventType:
    """What is known about an event type.

    :param name: for example ``"sms.message.updated"``.
    :param meaning: when YCloud sends it.
    :param properties: the event's property that holds its data. The first that exists is
        used: some types have one of two, or occur with an older name.
    :param keys: the names that its conversation may have, the best first. Events of one
        conversation are handled one at a time, in order of arrival. If it is empty, they
        are handled in any order.
    :param documented_at: the page that documents it, if it has none of its own.
    """

    name: str
    meaning: str
    properties: tuple[str, ...]
    keys: tuple[Key, ...] = ()
    documented_at: str | None = None

    @property
    def page(self) -> str:
        """The page on which YCloud documents it."""
        if self.documented_at is not None:
            return self.documented_at
        return f"{_PAGES}/{self.name.replace('.', '-').replace('_', '-')}"

    def property_in(self, raw: Mapping[str, Any]) -> str | None:
        """Which of its properties an event has; ``None`` if it has none of them."""
        return next((each for each in self.properties if each in raw), None)


_PAGES = "https://docs.ycloud.com/en/api-reference/webhook-reference"
_GROUP_DATA = ("whatsappGroup",)


def _key(kind: str, *fields: str) -> tuple[Key]:
    return (Key(kind, fields),)


_GROUP = _key("group", "groupId")
#: A customer of WhatsApp has a user id, a telephone number, or both. The user id comes
#: first, since it does not change. A member's message belongs to the group.
#: https://docs.ycloud.com/reference/use-business-scoped-user-ids
_CUSTOMER = (
    *_GROUP,
    Key("customer", ("fromUserId", "to")),
    Key("customer", ("from", "to")),
    # The message that a customer's user id has changed has no other name of the customer.
    Key("customer", ("system.previous_user_id", "to")),
)
#: An answer from the WhatsApp Business app belongs to the same conversation.
_ANSWER = (
    *_GROUP,
    Key("customer", ("toUserId", "from")),
    Key("customer", ("recipientUserId", "from")),
    Key("customer", ("to", "from")),
)
_PREFERENCE = (
    Key("customer", ("userId", "businessPhoneNumber")),
    Key("customer", ("contactPhoneNumber", "businessPhoneNumber")),
)
_HANDOVER = (
    Key("handover", ("consumerPhoneNumber", "phoneNumberId")),
    Key("handovers", ("phoneNumberId",)),
)
_MESSAGE = _key("whatsapp message", "id")
_CALL = _key("call", "wacid")
_ACCOUNT = _key("account", "id")
_NUMBER = (*_key("number", "phoneNumber"), *_key("number id", "id"))
_TEMPLATE = _key("template", "wabaId", "name", "language")
_PERSON = _key("messenger", "from", "to")
_CONTACT = _key("contact", "id")
_NOTE = _key("contact", "contactId")
_UNSUBSCRIBER = _key("unsubscriber", "phoneNumber")

_DOCUMENTED = (
    EventType(
        "email.delivery.updated",
        "An e-mail was delivered or has failed.",
        ("emailDelivery",),
        _key("email", "emailId"),
    ),
    EventType(
        "sms.message.updated",
        "An SMS was delivered, or could not be delivered.",
        # Public receivers read smsMessage; the schema says sms.
        ("sms", "smsMessage"),
        _key("sms", "id"),
    ),
    EventType(
        "sms.inbound.received",
        "A user answered by SMS.",
        ("smsInbound",),
        _key("sms conversation", "from", "to"),
    ),
    EventType(
        "voice.message.updated",
        "A voice message was delivered, or could not be delivered.",
        ("voice",),
        _key("voice", "id"),
    ),
    EventType(
        "whatsapp.business_account.deleted",
        "A WhatsApp Business Account was deleted.",
        ("whatsappBusinessAccount",),
        _ACCOUNT,
    ),
    EventType(
        "whatsapp.business_account.reviewed",
        "A WhatsApp Business Account was reviewed.",
        ("whatsappBusinessAccount",),
        _ACCOUNT,
    ),
    EventType(
        "whatsapp.business_account.updated",
        "A WhatsApp Business Account changed: a violation, a restriction, a ban.",
        ("whatsappBusinessAccount",),
        _ACCOUNT,
    ),
    EventType(
        "whatsapp.inbound_message.received",
        "A customer sent a WhatsApp message.",
        ("whatsappInboundMessage",),
        _CUSTOMER,
    ),
    EventType(
        "whatsapp.message.updated",
        "Your WhatsApp message was sent, delivered, read, or has failed.",
        # A message to a group has the second instead of the first.
        ("whatsappMessage", "whatsappGroup"),
        (*_MESSAGE, *_GROUP),
    ),
    EventType(
        "whatsapp.echo_message.created",
        "An agent that was set up by API sent a WhatsApp message.",
        ("whatsappMessage",),
        _MESSAGE,
    ),
    EventType(
        "whatsapp.echo_message.updated",
        "The status of an agent's message changed; a late one may come after a later one.",
        ("whatsappMessage",),
        _MESSAGE,
    ),
    EventType(
        "whatsapp.meta_business_agent.handover.updated",
        "Control of a conversation was taken from an agent that was set up by API.",
        ("whatsappMetaBusinessAgent",),
        _HANDOVER,
    ),
    EventType(
        "whatsapp.group.lifecycle_update",
        "A WhatsApp group was created, or its creation failed; or it was deleted.",
        _GROUP_DATA,
        _GROUP,
    ),
    EventType(
        "whatsapp.group.participants_update",
        "Participants or join requests of a WhatsApp group changed.",
        _GROUP_DATA,
        _GROUP,
    ),
    EventType(
        "whatsapp.group.settings_update",
        "Settings of a WhatsApp group changed, or could not be changed.",
        _GROUP_DATA,
        _GROUP,
    ),
    EventType(
        "whatsapp.group.status_update",
        "A WhatsApp group was suspended, or its suspension ended.",
        _GROUP_DATA,
        _GROUP,
    ),
    EventType(
        "whatsapp.smb.history",
        "The WhatsApp Business app shares a message of its history, or how far it is.",
        # The event also has phase and progress, and sometimes nothing else.
        ("whatsappInboundMessage", "whatsappMessage"),
    ),
    EventType(
        "whatsapp.smb.message.created",
        "A message was sent from the WhatsApp Business app.",
        ("whatsappMessage",),
        _ANSWER,
    ),
    EventType(
        "whatsapp.smb.message.echoes",
        "A message that was sent from the WhatsApp Business app, as an echo.",
        ("whatsappMessage",),
        _ANSWER,
    ),
    EventType(
        "whatsapp.smb.app.state.sync",
        "Contacts of the WhatsApp Business app were added, changed or removed.",
        ("whatsappSmbAppStateSync",),
        _key("business app", "phoneNumber"),
        # It is in no schema. Public receivers that cite this page agree on its shape.
        "https://docs.ycloud.com/reference/webhook-events-payloads",
    ),
    EventType(
        "whatsapp.phone_number.deleted",
        "A WhatsApp business phone number was deleted.",
        ("whatsappPhoneNumber",),
        _NUMBER,
    ),
    EventType(
        "whatsapp.phone_number.name_updated",
        "The display name of a phone number was approved or rejected.",
        ("whatsappPhoneNumber",),
        _NUMBER,
    ),
    EventType(
        "whatsapp.phone_number.quality_updated",
        "The quality rating or the messaging limit of a phone number changed.",
        ("whatsappPhoneNumber",),
        _NUMBER,
    ),
    EventType(
        "whatsapp.phone_number.business_username_updated",
        "The business username of a phone number changed.",
        ("whatsappPhoneNumber",),
        _NUMBER,
    ),
    EventType(
        "whatsapp.template.category_updated",
        "The category of a template changed.",
        ("whatsappTemplate",),
        _TEMPLATE,
    ),
    EventType(
        "whatsapp.template.quality_updated",
        "The quality rating of a template changed.",
        ("whatsappTemplate",),
        _TEMPLATE,
    ),
    EventType(
        "whatsapp.template.reviewed",
        "The status of a template changed: approved, rejected, paused and so on.",
        ("whatsappTemplate",),
        _TEMPLATE,
    ),
    EventType(
        "whatsapp.call.connect",
        "A WhatsApp call is being set up.",
        ("callingConnect",),
        _CALL,
    ),
    EventType(
        "whatsapp.call.terminate",
        "A WhatsApp call has ended.",
        ("callingTerminate",),
        _CALL,
    ),
    EventType(
        "whatsapp.call.status.updated",
        "Your WhatsApp call rings, was accepted, or was rejected.",
        ("callingStatusUpdated",),
        _CALL,
    ),
    EventType(
        "whatsapp.call.recording.updated",
        "The recording of a WhatsApp call is available, or has failed.",
        ("callingRecording",),
        _CALL,
    ),
    EventType(
        "whatsapp.call.transcription.updated",
        "The transcription of a WhatsApp call is available, or has failed.",
        ("callingTranscription",),
        _CALL,
    ),
    EventType(
        "whatsapp.flow.status_change",
        "The status of a flow changed.",
        ("flowChanges",),
        _key("flow", "flowId"),
    ),
    EventType(
        "whatsapp.payment.updated",
        "A WhatsApp payment changed.",
        ("whatsappPayment",),
        _key("payment", "referenceId"),
    ),
    EventType(
        "whatsapp.user.preferences",
        "A WhatsApp user stopped or resumed marketing messages.",
        ("whatsappUserPreference",),
        _PREFERENCE,
    ),
    EventType(
        "messenger.inbound_message.received",
        "A customer sent a text message in Messenger.",
        ("messengerInboundMessage",),
        _PERSON,
    ),
    EventType(
        "messenger.inbound_message.updated",
        "A customer edited a message in Messenger.",
        ("messengerInboundMessage",),
        _PERSON,
    ),
    EventType(
        "messenger.message.updated",
        "Your Messenger message was sent, delivered, read, or has failed.",
        ("messengerMessage",),
        _key("messenger message", "id"),
    ),
    EventType(
        "messenger.message_reaction.updated",
        "A customer reacted to a Messenger message, or took the reaction back.",
        ("messengerMessageReaction",),
        _key("reaction", "metaMessageId", "psid"),
    ),
    EventType("contact.created", "A contact was created.", ("contactCreated",), _CONTACT),
    EventType(
        "contact.attributes_changed",
        "Attributes of a contact changed.",
        ("contactAttributesChanged",),
        _CONTACT,
    ),
    EventType("contact.deleted", "A contact was deleted.", ("contactDeleted",), _CONTACT),
    EventType(
        "contact.note.created",
        "A note on a contact was written.",
        ("contactNote",),
        _NOTE,
    ),
    EventType(
        "contact.note.updated",
        "A note on a contact was changed.",
        ("contactNote",),
        _NOTE,
    ),
    EventType(
        "contact.note.deleted",
        "A note on a contact was deleted.",
        ("contactNote",),
        _NOTE,
    ),
    EventType(
        "contact.unsubscribe.created",
        "A contact unsubscribed from messages.",
        # The documented example says unsubscriberChanged; the schema the other.
        ("contactUnsubscribeCreated", "unsubscriberChanged"),
        _UNSUBSCRIBER,
    ),
    EventType(
        "contact.unsubscribe.deleted",
        "A contact resumed the subscription to messages.",
        ("contactUnsubscribeDeleted", "unsubscriberChanged"),
        _UNSUBSCRIBER,
    ),
)

#: Every documented type by its name.
EVENT_TYPES: dict[str, EventType] = {known.name: known for known in _DOCUMENTED}


def sample(name: str, variant: str | None = None) -> dict[str, Any]:
    """A whole event of that type, as YCloud documents it; a new dict each time.

    :param variant: one of :func:`variants`.
    :raises LookupError: if the catalogue has no such type or variant.
    """
    if name not in EVENT_TYPES:
        raise LookupError(f"No sample of {name!r}: {closest_hint(name)}")
    if variant is not None and variant not in variants(name):
        raise LookupError(
            f"No variant {variant!r} of {name!r}; there is {', '.join(variants(name))}."
        )
    stem = name if variant is None else f"{name}.{variant}"
    event: dict[str, Any] = json.loads((_SAMPLES / f"{stem}.json").read_text("utf-8"))
    return event


def variants(name: str) -> list[str]:
    """The names of further samples of that type, such as ``image`` and ``audio``."""
    stems = (each.name.removesuffix(".json") for each in _SAMPLES.iterdir())
    found = (stem.removeprefix(f"{name}.") for stem in stems if stem.startswith(f"{name}."))
    return sorted(each for each in found if "." not in each)


def sample_event(name: str, *, variant: str | None = None) -> dict[str, Any]:
    """A whole event as YCloud documents it, with a new id and the current time.

    :param name: the event type.
    :param variant: one of :func:`variants`.
    :raises LookupError: if there is no such type or variant.
    """
    event = sample(name, variant)
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    event["eventId" if "eventId" in event else "id"] = f"evt_{secrets.token_hex(12)}"
    event["createTime"] = now.replace("+00:00", "Z")
    return event


def find(name: str, event: dict[str, Any], path: str) -> tuple[Any, str | int]:
    """Where a dotted path leads in an event: an object or list, and the key in it.

    It begins in the event's data, or in the event itself if its first step is ``event``.
    Missing objects on the way are created.

    :param name: the event's type.
    :raises LookupError: if the path leads through a value that is not an object or list.
    """
    into: Any = event
    steps = path.split(".")
    if steps[0] == "event" and steps[1:]:
        del steps[0]
    else:
        known = EVENT_TYPES[name].property_in(event)
        into = event if known is None else event[known]
    for each in steps[:-1]:
        key = _step(into, each, path)
        into = into.setdefault(key, {}) if isinstance(into, dict) else into[key]
    return into, _step(into, steps[-1], path)


def _step(into: Any, step: str, path: str) -> Any:
    if isinstance(into, dict) and step:
        return step
    if isinstance(into, list) and step.isdecimal() and int(step) < len(into):
        return int(step)
    raise LookupError(f"The path {path!r} leads nowhere in this event, at {step!r}.")


def patterns(name: str) -> Iterator[str]:
    """The subscriptions that match an event of this type, from narrow to wide.

    ``a.b.c`` gives ``a.b.c``, ``a.b.*``, ``a.*`` and ``*``.
    """
    yield name
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        yield ".".join(parts[:end]) + ".*"
    yield "*"


#: Every documented type, and every pattern that matches one.
KNOWN_SUBSCRIPTIONS = frozenset(each for name in EVENT_TYPES for each in patterns(name))


def closest_hint(subscription: str) -> str:
    """A sentence that names the known type or pattern closest to a mistyped one."""
    close = difflib.get_close_matches(subscription, KNOWN_SUBSCRIPTIONS, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "no documented type is close to it."
