"""What a type checker must refuse: each line that ends in ``# refused``, and no other."""

from __future__ import annotations

from flask_ycloud import Event, on_event
from flask_ycloud.payloads import Sms, WhatsappInboundMessage


@on_event("sms.message.updated")
def wrong_keys(event: Event[Sms]) -> None:
    print(event.data["no_such_key"])  # refused
    number: int = event.data["to"]  # refused
    print(number, event.dta)  # refused


@on_event("whatsapp.inbound_message.received")
def wrong_literal(event: Event[WhatsappInboundMessage]) -> None:
    if event.data.get("type") == "text":
        pass
    event.data["type"] = "txet"  # refused


def wrong_payload(event: Event[Sms]) -> None: ...


on_event("whatsapp.inbound_message.received")(wrong_payload)  # refused
on_event(7)(wrong_payload)  # refused
