"""What a user writes; mypy and pyright must have nothing to say."""

from __future__ import annotations

from typing import Any

from flask_ycloud import Event, WebhookBlueprint, on_event
from flask_ycloud.payloads import (
    Sms,
    WhatsappGroupWebhook,
    WhatsappInboundMessage,
    WhatsappMessage,
)


@on_event("sms.message.updated")
def track(event: Event[Sms]) -> None:
    text: str = event.data["id"]
    if event.data.get("status") == "delivered":
        print(text, event.create_time.isoformat(), event.attempt + 1)


@on_event("whatsapp.inbound_message.received", name="reply")
async def reply(event: Event[WhatsappInboundMessage]) -> str | None:
    text = event.data.get("text")
    return text.get("body") if text else None


@on_event("whatsapp.smb.history")
def history(event: Event[WhatsappInboundMessage | WhatsappMessage]) -> None: ...


@on_event("whatsapp.group.status_update")
def group(event: Event[WhatsappGroupWebhook]) -> None: ...


@on_event("sms.message.updated")
def bare(event: Event) -> None:
    print(event.data["whatever"])


@on_event("whatsapp.*", "sms.inbound.received")
def several(event: Event[Any]) -> None: ...


@on_event("sms.message.updated")
def untyped(event):  # type: ignore[no-untyped-def]
    print(event.data)


eu = WebhookBlueprint("eu")


@eu.on_event("sms.message.updated")
def track_eu(event: Event[Sms]) -> None:
    track(event)
