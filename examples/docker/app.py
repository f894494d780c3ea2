"""A receiver whose secrets are files, for containers and for systemd.

The folder SECRETS has two: webhook_secret, and inbox_url, a URL of SQLite or PostgreSQL.
"""

import os
from pathlib import Path

from flask import Flask

from flask_ycloud import Event, on_event, ycloud_bp

SECRETS = Path(os.environ.get("SECRETS", "/run/secrets"))


def secret(name: str) -> str:
    """What a file holds, without the line break at its end."""
    return (SECRETS / name).read_text("utf-8").strip()


app = Flask(__name__)
app.config.from_prefixed_env()  # what is not secret, such as FLASK_YCLOUD_DISPATCH
app.config["YCLOUD_WEBHOOK_SECRET"] = lambda: secret("webhook_secret")
app.config["YCLOUD_INBOX_URL"] = lambda: secret("inbox_url")
app.register_blueprint(ycloud_bp)  # POST /ycloud/webhook


@on_event("*")
def note(event: Event) -> None:
    """Here your code handles the event."""
    print(f"handled {event.type} {event.id}", flush=True)
