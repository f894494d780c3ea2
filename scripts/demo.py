"""Serve ``example_app.py`` with gunicorn, send every event type, and show the results.

The demo exits with 0 only if each delivery was answered and handled as promised.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flask_ycloud import EVENT_TYPES, StoredEvent, sign
from flask_ycloud.inbox import Database, Inbox, open_engine
from flask_ycloud.protocol import body_id
from flask_ycloud.testing import sample_event

ROOT = Path(__file__).parent.parent
SECRET = "whsec_of_the_demo"  # noqa: S105  (of the demo)
DAY = 86_400


@dataclass
class Delivery:
    """A delivery to send, and its expected results."""

    what: str
    body: bytes
    header: str
    answer: str
    event_id: str | None
    state: str = "done"
    attempts: int = 1
    answered: str = ""


def deliveries() -> list[Delivery]:
    made = []
    for name in EVENT_TYPES:
        event = sample_event(name)
        body = json.dumps(event).encode()
        made.append(Delivery(name, body, sign(body, SECRET), "200 accepted", event["id"]))
        if name == "voice.message.updated":
            made[-1].what += ", whose handler fails twice"
            made[-1].attempts = 3
    body, event_id = made[0].body, made[0].event_id
    changed = body.replace(b"failed", b"delivered")
    stale = sign(body, SECRET, timestamp=int(time.time()) - DAY)
    text = b"hello"
    kept_as = body_id(text)
    made += [
        Delivery("the first one again", body, made[0].header, "200 duplicate", event_id),
        Delivery("the first one, body changed", changed, made[0].header, "401", None),
        Delivery("one signed a day ago", body, stale, "401", None),
        Delivery(
            "no JSON", text, sign(text, SECRET), "200 accepted", kept_as, state="dead"
        ),
    ]
    return made


def post(url: str, delivery: Delivery) -> str:
    headers = {"YCloud-Signature": delivery.header, "Content-Type": "application/json"}
    request = urllib.request.Request(url, delivery.body, headers)  # noqa: S310  (http)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return f"{response.status} {json.load(response)['status']}"
    except urllib.error.HTTPError as error:
        error.close()
        return str(error.code)


def wait_until(true: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def kept(delivery: Delivery, event: StoredEvent | None) -> tuple[bool, str]:
    """Return whether the inbox has the expected state of a delivery, and a remark."""
    if delivery.event_id is None:
        return True, "nothing kept"
    if event is None:
        return False, "not kept"
    attempts = max((state.attempts for state in event.handlers), default=1)
    names = ", ".join(state.handler for state in event.handlers)
    word = {"dead": f"dead letter: {event.reason}"}.get(
        event.state, f"{event.state}: {names}"
    )
    if attempts > 1:
        word += f" (attempt {attempts})"
    good = event.state == delivery.state and attempts == delivery.attempts
    return good, word


def show(sent: list[Delivery], inbox: Inbox) -> bool:
    table = Table("delivery", "answered", "result", "")
    all_good = True
    for delivery in sent:
        event = inbox.get(delivery.event_id) if delivery.event_id else None
        good, word = kept(delivery, event)
        good = good and delivery.answered == delivery.answer
        all_good = all_good and good
        mark = "[green]✓[/]" if good else f"[red]✗ {delivery.answer}, {delivery.state}[/]"
        table.add_row(delivery.what, delivery.answered, word, mark)
    Console(width=None if sys.stdout.isatty() else 130).print(table)
    return all_good


def run(folder: Path) -> bool:
    port, log = free_port(), folder / "gunicorn.log"
    inbox_url = f"sqlite:///{folder}/ycloud.db"
    environ = {
        **os.environ,
        "FLASK_YCLOUD_WEBHOOK_SECRET": SECRET,
        "FLASK_YCLOUD_INBOX_URL": inbox_url,
        "FLASK_YCLOUD_RETRY_DELAYS": "[0.2, 0.2]",
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    command += ["--config", "scripts/demo_gunicorn.py", "example_app:app"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=output, stderr=output
        )
    inbox = Inbox(Database(open_engine(inbox_url), owned=True))
    try:
        if not wait_until(lambda: listens(port)):
            print(log.read_text())
            return False
        sent = deliveries()
        for delivery in sent:
            delivery.answered = post(f"http://127.0.0.1:{port}/ycloud/webhook", delivery)
        wait_until(lambda: inbox.stats().pending == inbox.stats().running == 0)
        good = show(sent, inbox)
    finally:
        server.terminate()
        server.wait(60)
    print(f"{len(sent)} deliveries, each as promised." if good else log.read_text())
    return good


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(0 if run(Path(folder)) else 1)
