"""A receiver that reads its secrets from files, for containers and for systemd.

The folder SECRETS has two files: webhook_secret, and inbox_url with the URL of an SQLite or
PostgreSQL database.
"""

import os
from pathlib import Path

from flask import Flask

from flask_ycloud import Event, on_event, ycloud_bp

SECRETS = Path(os.environ.get("SECRETS", "/run/secrets"))


def secret(name: str) -> str:
    """Return the content of a file, without the line break at its end."""
    return (SECRETS / name).read_text("utf-8").strip()


app = Flask(__name__)
app.config.from_prefixed_env()  # other settings, such as FLASK_YCLOUD_DISPATCH
app.config["YCLOUD_WEBHOOK_SECRET"] = lambda: secret("webhook_secret")
app.config["YCLOUD_INBOX_URL"] = lambda: secret("inbox_url")
app.register_blueprint(ycloud_bp)  # POST /ycloud/webhook


@on_event("*")
def note(event: Event) -> None:
    """Replace this by the code that handles your events."""
    print(f"handled {event.type} {event.id}", flush=True)
