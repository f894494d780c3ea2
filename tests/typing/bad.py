"""What a type checker must refuse: each line that ends in ``# refused``, and no other."""

from __future__ import annotations

from flask_ycloud import Event, WebhookBlueprint, on_event
from flask_ycloud.payloads import (
    ContactNote,
    Sms,
    SmsInbound,
    WhatsappGroupWebhook,
    WhatsappInboundMessage,
    WhatsappMessage,
)


@on_event("sms.message.updated")
def wrong_keys(event: Event[Sms]) -> None:
    print(event.data["no_such_key"])  # refused
    number: int = event.data["to"]  # refused
    print(number, event.dta)  # refused


@on_event("whatsapp.inbound_message.received")
def wrong_member(event: Event[WhatsappInboundMessage]) -> None:
    message = event.data
    if message["type"] == "text":
        print(message["text"]["boddy"])  # refused
        message["type"] = "txet"  # refused
    elif message["type"] == "image":
        print(message["image"]["body"])  # refused
    link: int = message.get("from")  # refused
    print(link)


@on_event("whatsapp.message.updated")
def wrong_shape(event: Event[WhatsappMessage | WhatsappGroupWebhook]) -> None:
    print(event.data["id"])  # refused
    if "id" in event.data:
        print(event.data["statuses"])  # refused
    else:
        print(event.data["wamid"])  # refused


def of_sms(event: Event[Sms]) -> None: ...


async def of_note(event: Event[ContactNote]) -> None: ...


def of_messages(event: Event[Sms | SmsInbound]) -> None: ...


def of_status(event: Event[WhatsappMessage]) -> None: ...


eu = WebhookBlueprint("eu")

on_event("whatsapp.inbound_message.received")(of_sms)  # refused
on_event("sms.message.updated")(of_note)  # refused
eu.on_event("contact.note.created")(of_sms)  # refused
on_event(7)(of_sms)  # refused

# Each of several types, whatever their order.
on_event("sms.message.updated", "sms.inbound.received")(of_sms)  # refused
on_event("sms.inbound.received", "sms.message.updated")(of_sms)  # refused
on_event("sms.*", "contact.note.created")(of_messages)  # refused
on_event("contact.note.*", "contact.note.created", "contact.created")(of_note)  # refused

# All that a pattern reaches.
on_event("sms.*")(of_sms)  # refused
on_event("*")(of_note)  # refused
on_event("whatsapp.message.*")(of_status)  # refused
on_event("contact.*")(of_note)  # refused


@on_event("sms.message.updated")
def decorated(event: Event[Sms]) -> int:
    return 1


def calls(event: Event[Sms], other: Event[ContactNote]) -> None:
    decorated(evnt=event)  # refused
    decorated(event=other)  # refused
    text: str = decorated(event)  # refused
    print(text)
