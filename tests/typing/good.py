"""What a user writes; mypy and pyright, both strict, must have nothing to say."""

# pyright: strict

from __future__ import annotations

from typing import Any

from flask_ycloud import Event, WebhookBlueprint, on_event
from flask_ycloud.payloads import (
    ContactNote,
    Payload,
    Sms,
    SmsInbound,
    WhatsappGroupWebhook,
    WhatsappInboundMessage,
    WhatsappMessage,
    WhatsappPhoneNumber,
)


@on_event("sms.message.updated")
def track(event: Event[Sms]) -> None:
    text: str = event.data["id"]
    if event.data["status"] == "delivered":
        print(text, event.create_time.isoformat(), event.attempt + 1)


@on_event("whatsapp.inbound_message.received", name="reply")
async def reply(event: Event[WhatsappInboundMessage]) -> str | None:
    text = event.data.get("text")
    return text["body"] if text else None


def by_type(message: WhatsappInboundMessage) -> str:
    kind: str = message["type"]
    number: str | None = message.get("from")
    if message["type"] == "text":
        return message["text"]["body"]
    if message["type"] == "image":
        return message["image"]["link"]
    if message["type"] == "interactive":
        button = message["interactive"].get("button_reply")
        return button["id"] if button else ""
    if message["type"] == "system":
        return message["system"].get("previous_user_id", "")
    if message["type"] == "unsupported":
        return message["errors"][0]["code"] + str(message.get("unsupported"))
    if message["type"] == "voice":  # a type that YCloud does not document
        return str(message.get("voice"))
    return f"{kind} from {number or message.get('fromUserId')}"


def by_match(message: WhatsappInboundMessage) -> str:
    match message["type"]:
        case "text":
            return message["text"]["body"]
        case "location":
            return f"{message['location']['latitude'] + 1}"
        case other:
            return other


def by_key(message: WhatsappInboundMessage) -> str:
    if "image" in message:
        return message["image"]["mime_type"]
    if message["type"] != "text":
        return ""
    return message["text"]["body"]


def undocumented(message: WhatsappInboundMessage) -> bool:
    return str(message["type"]) == "one that YCloud adds tomorrow"


def open_values(number: WhatsappPhoneNumber, message: WhatsappMessage) -> bool:
    return (
        number.get("businessUsernameStatus") == "reserved"
        or number.get("businessUsernameStatus") == "new tomorrow"
        or message.get("status") == "new tomorrow"
        or message.get("type") == "unsupported"
    )


@on_event("whatsapp.message.updated")
def both_shapes(event: Event[WhatsappMessage | WhatsappGroupWebhook]) -> str:
    status: str | None = event.data.get("status")
    if "id" in event.data:
        return event.data["id"] + event.data.get("externalId", "") + str(status)
    for each in event.data.get("statuses", []):
        print(each["id"], each["status"])
    return event.data["phoneNumberId"]


def group_status(data: WhatsappMessage | WhatsappGroupWebhook) -> str:
    if "statuses" in data:
        return data["statuses"][0]["status"]
    return ""


@on_event("whatsapp.smb.history")
def history(event: Event[WhatsappInboundMessage | WhatsappMessage]) -> None: ...


@on_event("whatsapp.group.status_update")
def group(event: Event[WhatsappGroupWebhook]) -> None: ...


@on_event("contact.note.created")
def note(event: Event[ContactNote]) -> str:
    return event.data["phoneNumber"] or event.data["username"] or event.data["contactId"]


@on_event("sms.message.updated")
def bare(event: Event) -> None:
    print(event.data["whatever"])


@on_event("sms.message.updated", "sms.inbound.received")
def two(event: Event[Sms | SmsInbound]) -> str:
    return event.data["to"]


@on_event("sms.*", "contact.note.*", "whatsapp.message.*", name="three patterns")
async def patterns(
    event: Event[Sms | SmsInbound | ContactNote | WhatsappMessage | WhatsappGroupWebhook],
) -> None: ...


@on_event("whatsapp.template.reviewed", "whatsapp.template.category_updated", timeout=5)
async def wider(event: Event[Payload]) -> None: ...


@on_event("whatsapp.*", "sms.inbound.received")
def several(event: Event[Any]) -> None: ...


@on_event("*")
def everything(event: Event[Payload]) -> None:
    print(event.type, event.raw)


@on_event("*", "sms.inbound.received")
def anything(event: Event) -> None: ...


@on_event("sms.message.created", "sms.message.updated")  # the first is not documented
def unknown(event: Event[Sms]) -> None: ...


@on_event("sms.message.updated")
def untyped(event):  # type: ignore[no-untyped-def]
    ...


@on_event("sms.message.updated")
@on_event("sms.message.*")
def stacked(event: Event[Sms], note: str = "") -> int:
    return len(note)


class Tracker:
    def handle(self, event: Event[Sms]) -> None: ...


on_event("sms.message.updated", name="method")(Tracker().handle)

eu = WebhookBlueprint("eu")


@eu.on_event("sms.message.updated")
def track_eu(event: Event[Sms]) -> None:
    track(event=event)  # the decorated function keeps its parameters' names
    length: int = stacked(event=event, note="kept")
    print(length)


async def call_directly(event: Event[WhatsappInboundMessage]) -> str | None:
    return await reply(event=event)
