"""Runs the shop against a fake of YCloud: two customers are separated, and one leaves.

The demo exits with 0 only if everything works as promised.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from flask_ycloud.testing import FakeYCloud, FakeYCloudAPI, sample_event

HERE = Path(__file__).parent
API_KEYS = {"acme": "API key of acme", "beta": "API key of beta"}
MESSAGE = "whatsapp.inbound_message.received"


class Demo:
    """The databases of the shop in a folder, and whether all checks passed so far."""

    def __init__(self, folder: Path, api: FakeYCloudAPI) -> None:
        self.folder = folder
        self.api = api
        self.good = True
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.environ = os.environ | {
            "CUSTOMER_KEYS": Fernet.generate_key().decode(),
            "DATABASE_URL": f"sqlite:///{folder}/shop.db",
            "FLASK_SHOP_URL": f"http://127.0.0.1:{self.port}",
            "FLASK_YCLOUD_API_URL": api.url,
            "FLASK_YCLOUD_DISPATCH": "manual",  # a worker handles events, and starts late
            "FLASK_YCLOUD_INBOX_URL": f"sqlite:///{folder}/ycloud.db",
        }

    def see(self, what: str, found: Any, expected: Any = True) -> None:
        """Check a result, and print a line of the report."""
        good = found == expected
        self.good = self.good and good
        print(f"✓ {what}" if good else f"✗ {what}: {found!r}, not {expected!r}", flush=True)

    def flask(self, *args: str, text: str = "") -> bool:
        """Run a command of the shop, and return whether it succeeded."""
        command = [sys.executable, "-m", "flask", "--app", "shop", *args]
        done = subprocess.run(  # noqa: S603
            command, cwd=HERE, env=self.environ, input=text, text=True, capture_output=True
        )
        for line in (done.stdout + done.stderr).splitlines():
            print(f"  {line}", flush=True)
        return done.returncode == 0

    @contextmanager
    def running(self, *args: str) -> Iterator[None]:
        """Run a process of the shop during the context."""
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", *args]
            process = subprocess.Popen(  # noqa: S603
                command, cwd=HERE, env=self.environ, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    def endpoint_of(self, name: str) -> dict[str, Any]:
        """Return the only endpoint of a customer's account."""
        (endpoint,) = self.api.endpoints(API_KEYS[name]).values()
        return endpoint

    def messages(self) -> dict[str, int]:
        """Return how many messages the shop has stored for each customer."""
        with closing(sqlite3.connect(self.folder / "shop.db")) as database:
            rows = database.execute("SELECT tenant, count(*) FROM messages GROUP BY tenant")
            return dict(rows.fetchall())


def main(folder: Path) -> bool:
    with FakeYCloudAPI(*API_KEYS.values()) as api:
        demo = Demo(folder, api)
        demo.flask("create-tables")
        web = ("gunicorn", "--bind", f"127.0.0.1:{demo.port}", "--threads", "4", "shop:app")
        with demo.running(*web):
            wait_until(lambda: answers(demo.port))
            onboarding(demo)
            senders = {name: api.sender(demo.endpoint_of(name)["id"]) for name in API_KEYS}
            apart(demo, senders)
            leaving(demo, senders)
        handling(demo)
    if not demo.good:
        print((folder / "log").read_text())
    return demo.good


def onboarding(demo: Demo) -> None:
    """Onboard two customers."""
    onboard = ("onboard", "--api-key-stdin")
    for name, api_key in API_KEYS.items():
        demo.see(f"{name} is onboarded", demo.flask(*onboard, name, text=api_key))
    wrong = demo.flask(*onboard, "gamma", text="wrong")
    demo.see("a wrong API key onboards nobody", wrong, False)
    secrets = [demo.endpoint_of(name)["secret"] for name in API_KEYS]
    stored = (demo.folder / "shop.db").read_bytes()
    clear = [each for each in (*secrets, *API_KEYS.values()) if each.encode() in stored]
    demo.see("no secret is in the database unencrypted", clear, [])


def apart(demo: Demo, senders: dict[str, FakeYCloud]) -> None:
    """Check that each customer can send, but not for the other."""
    event = sample_event(MESSAGE, **{"text.body": "Hello"})
    for name, sender in senders.items():
        demo.see(f"an event of {name} is accepted", sender.send(event).status, 200)
    texts = [sender.deliveries[0].answers[0].text for sender in senders.values()]
    both = ['{"status": "accepted"}'] * 2
    demo.see("both events have the same id, and both are new", texts, both)
    for signer, name in (("acme", "beta"), ("beta", "acme")):
        url, secret = demo.endpoint_of(name)["url"], demo.endpoint_of(signer)["secret"]
        forged = FakeYCloud(url=url, secret=secret).send(MESSAGE)
        demo.see(f"{name}'s URL rejects {signer}'s secret", forged.status, 401)


def leaving(demo: Demo, senders: dict[str, FakeYCloud]) -> None:
    """Offboard a customer, without a restart."""
    demo.see("acme is offboarded", demo.flask("offboard", "acme"))
    demo.see("its endpoint is deleted", demo.api.endpoints(API_KEYS["acme"]), {})
    demo.see("its URL answers 401", senders["acme"].send(MESSAGE).status, 401)
    demo.see("beta is still served", senders["beta"].send(MESSAGE).status, 200)


def handling(demo: Demo) -> None:
    """Start a worker after acme has left: it handles the stored events."""
    demo.see("no event was handled so far", demo.messages(), {})
    expected = {"acme": 1, "beta": 2}
    with demo.running("flask", "--app", "shop", "ycloud", "worker"):
        wait_until(lambda: demo.messages() == expected)
    demo.see("the worker handles all events, also acme's", demo.messages(), expected)


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        sys.exit(0 if main(Path(made)) else 1)
