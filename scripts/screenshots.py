"""Take the screenshots of the inspector for the docs: ``make screenshots``."""

from __future__ import annotations

import logging
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from flask_ycloud import EVENT_TYPES, Discard, Event, on_event, ycloud_bp
from flask_ycloud.inspector import inspector_bp
from flask_ycloud.runtime import runtime_of
from flask_ycloud.testing import FakeYCloud, sample_event
from tests.support import deliver, eventually

SECRET = "whsec_of_the_pictures"  # noqa: S105
PICTURES = Path(__file__).parent.parent / "docs" / "_static"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def make_app(folder: str) -> Flask:
    app = Flask("shop", instance_path=folder)
    app.config.update(
        YCLOUD_INSPECTOR_TITLE="shop, staging",
        YCLOUD_WEBHOOK_SECRET=SECRET,
        YCLOUD_RETRY_DELAYS=[0.05, 0.1],
    )
    app.register_blueprint(ycloud_bp)
    app.register_blueprint(inspector_bp, access=lambda: True)

    @on_event("*", name="shop.archive:keep")
    def keep(event: Event) -> None:
        time.sleep(random.uniform(0.001, 0.008))  # noqa: S311

    @on_event("voice.message.updated", name="shop.calls:log_call")
    def log_call(event: Event) -> None:
        raise KeyError("duration")

    @on_event("contact.*", name="shop.crm:sync")
    def sync(event: Event) -> None:
        if event.type == "contact.deleted":
            raise ConnectionError("the CRM is down")

    @on_event("whatsapp.inbound_message.received", name="shop.chat:reply")
    def reply(event: Event) -> None:
        if event.data["type"] != "text":
            raise Discard("only text messages get a reply")

    return app


def fill(app: Flask) -> str:
    """Fill the inbox with an hour of events; return the id of the event to show."""
    rng = random.Random(1)  # noqa: S311
    ycloud, inbox = FakeYCloud(app, real_inbox=True), runtime_of(app).inbox
    types = [
        name for name in EVENT_TYPES if name.startswith(("sms", "whatsapp", "contact"))
    ]
    for minute in range(59, -1, -1):
        inbox.clock = lambda ago=60.0 * minute: time.time() - ago  # type: ignore[misc]
        events = [sample_event(rng.choice(types)) for _ in range(rng.randint(1, 9))]
        if minute % 17 == 5:
            events.append(sample_event("voice.message.updated"))
        ycloud.deliver(events, duplicates=0.1, shuffled=True)
        eventually(lambda: inbox.stats().running + inbox.stats().pending == 0)
    deliver(app, b"not an event", secret=SECRET)
    shown = ycloud.send("voice.message.updated").event["id"]
    ycloud.send("whatsapp.inbound_message.received", variant="image")
    eventually(lambda: inbox.stats().running + inbox.stats().pending == 0)
    return str(shown)


def take(url: str, event_id: str) -> None:
    wide: dict[str, Any] = {"viewport": {"width": 1180, "height": 760}}
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 760}}
    dark: dict[str, Any] = {"color_scheme": "dark"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        for name, path, options in (
            ("inspector", "", wide),
            ("inspector-dead", "?state=dead", wide),
            ("inspector-causes", "causes", wide),
            ("inspector-event", f"events/{event_id}", wide),
            ("inspector-activity", "activity", wide | dark),
            ("inspector-phone", "", phone | dark),
        ):
            page = browser.new_context(**options).new_page()
            page.goto(url + path)
            page.screenshot(path=PICTURES / f"{name}.png")
            print(PICTURES / f"{name}.png")
        browser.close()


def main() -> int:
    if CHROMIUM is None:
        print("There is no Chromium: make chromium")
        return 1
    PICTURES.mkdir(exist_ok=True)
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        app = make_app(folder)
        event_id = fill(app)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        take(f"http://127.0.0.1:{server.server_port}/ycloud/inspector/", event_id)
        server.shutdown()
        runtime_of(app).dispatcher.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
