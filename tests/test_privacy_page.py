"""The page on privacy: what it promises of a person who was erased, and whom it names."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from flask_ycloud import sign
from flask_ycloud.inbox import Cipher, Database, Inbox, open_engine
from flask_ycloud.inbox.tables import metadata
from flask_ycloud.protocol import sample_event

from .processes import Server, post
from .support import SECRET, eventually

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "privacy.rst").read_text("utf-8")

PERSONS, EVENTS = 20, 200
WHO = 7  # is erased

#: Handlers that quote what they got, and the inspector.
ALSO = """
from flask_ycloud import Discard
from flask_ycloud.inspector import InspectorBlueprint
app.register_blueprint(InspectorBlueprint(access=lambda: True))

@on_event("whatsapp.inbound_message.received", name="quotes")
def quotes(event):
    text = event.data["text"]["body"]
    if "fails" in text:
        raise ValueError(text)
    if "is discarded" in text:
        raise Discard(text)
"""


def number_of(person: int) -> str:
    return f"155501{person:05}"


def text_of(person: int) -> str:
    return f"quillfeather-{person:02}"


def body(number: int) -> bytes:
    """The events of each person: a few that succeed, fail, are discarded or are garbage."""
    person, turn = number % PERSONS, number // PERSONS
    what = ("succeeds", "fails", "is discarded", "succeeds", "is garbage")[turn % 5]
    text = f"hello, {text_of(person)} {what}"
    event = sample_event("whatsapp.inbound_message.received")
    event["whatsappInboundMessage"] |= {
        "from": f"+{number_of(person)}", "fromUserId": f"US.{number_of(person)}",
        "to": "+15550200000", "type": "text", "text": {"body": text},
    }  # fmt: skip
    written = json.dumps(event)
    return (written[:-1] if what == "is garbage" else written).encode()


class Served:
    """A real server with its inbox, and commands beside it."""

    def __init__(self, folder: Path, inbox_url: str, keys: list[str]) -> None:
        self.server = Server(
            folder,
            "--threads", "4",
            FLASK_YCLOUD_INBOX_URL=inbox_url,
            FLASK_YCLOUD_RETRY_DELAYS="[]",
            FLASK_YCLOUD_ERROR_MESSAGES="true",
            FLASK_YCLOUD_BODY_KEYS=json.dumps(keys),
        )  # fmt: skip
        with (folder / "served_app.py").open("a") as code:
            code.write(ALSO)
        self.engine = open_engine(inbox_url)
        self.inbox = Inbox(Database(self.engine), cipher=Cipher(keys))
        self.server.start()

    def pages(self, *paths: str) -> str:
        """What pages of the inspector show."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        found = []
        for path in paths:
            connection.request("GET", f"/ycloud/inspector/{path}")
            found.append(connection.getresponse().read().decode())
        connection.close()
        return "".join(found)

    def stored(self) -> str:
        """All that is in the database: its files, or every row of every table."""
        if self.inbox.database.dialect == "sqlite":
            beside = Path(str(self.engine.url.database)).parent.glob("inbox.db*")
            files = [each for each in beside if each.is_file()]
            assert len(files) == 3, "the database, its log, and the index of that"
            return "".join(each.read_bytes().decode("latin-1") for each in files)
        with self.engine.connect() as connection:
            return "".join(
                str(row)
                for table in metadata.sorted_tables
                for row in connection.execute(sa.select(table))
            )

    def close(self) -> None:
        self.server.kill()
        self.engine.dispose()


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def served(
    tmp_path: Path, inbox_url: str, request: pytest.FixtureRequest
) -> Iterator[Served]:
    keys = [Fernet.generate_key().decode()] if request.param else []
    made = Served(tmp_path / "site", inbox_url, keys)
    yield made
    made.close()


def send(port: int, bodies: list[bytes]) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert {status for status, _ in pool.map(partial(post, port), bodies)} == {200}


def test_nothing_of_an_erased_person_is_left(served: Served) -> None:
    bodies = [body(number) for number in range(EVENTS)]
    port, inbox = served.server.port, served.inbox
    captured, header = bodies[WHO], sign(bodies[WHO], SECRET)
    accepted = post(port, captured, **{"YCloud-Signature": header})
    assert accepted == (200, b'{"status": "accepted"}')
    half = EVENTS // 2
    send(port, [each for each in bodies[:half] if each is not captured])
    sending = threading.Thread(target=send, args=(port, bodies[half:]))
    sending.start()
    receipts = [inbox.erase_person(f"+{number_of(WHO)}")]
    sending.join()
    eventually(lambda: not inbox.stats().pending + inbox.stats().running)
    receipts.append(inbox.erase_person(f"US.{number_of(WHO)}"))
    assert receipts[-1].complete
    erased = [each.id for receipt in receipts for each in receipt.erased]
    assert len(set(erased)) == len(erased) == EVENTS // PERSONS

    other = WHO + 1
    exported = json.dumps(inbox.export_person(number_of(other)))
    paths = [f"events/{each}" for each in erased]
    where = {
        "receipts": repr(receipts),
        "export": exported,
        "pages": served.pages("", "?state=done", "?state=dead", "activity", *paths),
        "log": served.server.log.read_text(),
        "database": served.stored(),
    }
    needles = (number_of(WHO), text_of(WHO))
    for needle in needles:
        assert [name for name, text in where.items() if needle in text] == []
    assert len(inbox.person(number_of(WHO))) == 0
    # It would have been found: others are there.
    assert len(inbox.person(number_of(other))) == EVENTS // PERSONS
    assert text_of(other) in exported
    assert (text_of(other) in where["database"]) is not bool(inbox.cipher)

    ran = served.server.runs()
    again = post(port, captured, **{"YCloud-Signature": header})
    assert again == (200, b'{"status": "duplicate"}')
    assert not any(needle in served.stored() for needle in needles)
    assert served.server.runs() == ran


def test_each_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"``(test_\w+)``", PAGE))
    assert len(named) >= 10
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", file.read_text(), re.M)
    }
    assert named <= defined, named - defined


def test_each_setting_that_is_named_is_there() -> None:
    configuration = (ROOT / "docs" / "configuration.rst").read_text("utf-8")
    for name in set(re.findall(r"YCLOUD_[A-Z_]+", PAGE)):
        assert f"``{name}``" in configuration, name
