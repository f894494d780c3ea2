"""A whole receiver: an auto-reply for WhatsApp, and SMS delivery tracking.

flask --app example_app run                               # in one terminal
flask --app example_app ycloud send sms.message.updated   # in another
"""

import asyncio

from flask import Flask

from flask_ycloud import Discard, Event, Retry, current_inbox, on_event, ycloud_bp

app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = "whsec_replace_me"
app.config.from_prefixed_env()  # FLASK_YCLOUD_WEBHOOK_SECRET=… sets the real one
app.register_blueprint(ycloud_bp)  # POST /ycloud/webhook


@on_event("sms.message.updated")
def track_delivery(event: Event) -> None:
    print(f"SMS {event.data['id']} is {event.data['status']}")


@on_event("whatsapp.inbound_message.received")
async def reply(event: Event) -> None:
    if event.data.get("type") != "text":
        raise Discard("only text messages get a reply")
    await asyncio.sleep(0)  # here your code awaits YCloud's API
    print(f"replied to WhatsApp message {event.data['id']}")


@on_event("whatsapp.message.updated")
def alert(event: Event) -> None:
    if event.data.get("errorCode") == "130429" and event.attempt < 3:
        raise Retry(after=60)  # WhatsApp's rate limit: try again in a minute
    if event.data["status"] == "failed":
        print(f"WhatsApp message {event.data['id']} failed")


@on_event("*")
def log(event: Event) -> None:
    app.logger.info("handled %r", event)


@app.get("/")
def index() -> dict[str, object]:
    stats = current_inbox.stats()
    return {"pending": stats.pending, "running": stats.running, "dead": stats.dead}
