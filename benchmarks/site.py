"""An app that writes to a file when its handler starts, for measurements of processes.

    STARTS=file FLASK_YCLOUD_INBOX_URL=... gunicorn benchmarks.site:app

For each start of its handler the app appends a line to the file: the event's id, the
attempt, and the seconds since the event was accepted. If ``STATEMENTS`` names a file, the
app appends a byte to it for each statement that SQLite executes. With ``ACCOUNTS=one`` it
has no endpoint with tenants.
"""

from __future__ import annotations

import os
import time
from typing import Any

import sqlalchemy as sa
from flask import Flask

from flask_ycloud import Event, WebhookBlueprint, on_event, ycloud_bp

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


def secret_of(tenant: str | None, endpoint_id: str | None = None) -> str:
    """Return the signing secret of a tenant."""
    return f"whsec_of_tenant_{tenant}"


def make_app() -> Flask:
    made = Flask("site")
    made.config.from_prefixed_env()
    made.register_blueprint(ycloud_bp)
    if os.environ.get("ACCOUNTS") != "one":
        tenants = WebhookBlueprint("hooks", url_prefix="/hooks/<tenant>", secrets=secret_of)
        made.register_blueprint(tenants)
    starts = os.open(os.environ["STARTS"], _APPEND)

    @on_event("*", name="note")
    def note(event: Event[Any]) -> None:
        seconds = time.time() - event.received_at.timestamp()
        os.write(starts, f"{event.id} {event.attempt} {seconds:.6f}\n".encode())

    if "STATEMENTS" in os.environ:
        count_statements(os.open(os.environ["STATEMENTS"], _APPEND))
    return made


def count_statements(file: int) -> None:
    """Count each statement of SQLite in a file."""

    def trace(connection: Any, _: object) -> None:
        connection.set_trace_callback(lambda statement: os.write(file, b"."))

    sa.event.listen(sa.pool.Pool, "connect", trace)


app = make_app() if "STARTS" in os.environ else None
