"""``person``: shown, exported into a private file, erased with a receipt."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, id_of

NUMBER = "+15550100123"


@pytest.fixture
def bodies(app: Flask) -> list[bytes]:
    """An event of the person, one of another, and one that is not understood."""
    made = [body_of(sms={"to": NUMBER}), body_of(sms={"to": "+15550100999"})]
    made.append(f"not understood {NUMBER}".encode())
    for body in made:
        deliver(app, body)
    return made


def test_showing(app: Flask, bodies: list[bytes]) -> None:
    told = call(app, "person", "1 555 010 0123", "--show")
    assert id_of(bodies[0]) in told.output
    assert "(not understood)" in told.output
    assert "2 events name this person." in told.output
    assert id_of(bodies[1]) not in told.output
    told = call(app, "person", "+15550100999", "--show")
    assert told.output.endswith("1 event names this person.\n")
    assert call(app, "person", "nobody@example.com", "--show").output.endswith(
        "0 events name this person.\n"
    )


def test_exporting(app: Flask, bodies: list[bytes], tmp_path: Path) -> None:
    file = tmp_path / "person.jsonl"
    before = os.umask(0)
    try:
        told = call(app, "person", NUMBER, "--export", str(file))
    finally:
        os.umask(before)
    assert f"Wrote 2 events to {file}." in told.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first, second = map(json.loads, file.read_text().splitlines())
    assert first["payload"] == json.loads(bodies[0])
    assert first["endpoint"] == "ycloud"
    assert second["payload"] == bodies[2].decode()
    again = call(app, "person", NUMBER, "--export", str(file))
    assert again.exit_code == 1
    assert f"{file} cannot be created: File exists. Name a new file." in again.output


def test_erasing(app: Flask, bodies: list[bytes]) -> None:
    told = call(app, "person", NUMBER, "--erase", "--yes")
    assert told.exit_code == 0
    assert "Erased 2 events at 2" in told.output
    assert f"  {id_of(bodies[0])} (endpoint 'ycloud')" in told.output
    assert "The person, as a keyed hash: " in told.output
    assert NUMBER[1:] not in told.output
    assert [each.id for each in runtime_of(app).inbox.list()] == [id_of(bodies[1])]
    assert deliver(app, bodies[0]).json == {"status": "duplicate"}
    assert "Erased 0 events" in call(app, "person", NUMBER, "--erase", "--yes").output


def test_it_asks(app: Flask, bodies: list[bytes]) -> None:
    run = app.test_cli_runner().invoke
    told = run(args=["ycloud", "person", NUMBER, "--erase"], input="n\n")
    assert "Delete every event that names this person, for good? [y/N]" in told.output
    assert len(runtime_of(app).inbox.person(NUMBER)) == 2
    run(args=["ycloud", "person", NUMBER, "--erase"], input="y\n")
    assert len(runtime_of(app).inbox.person(NUMBER)) == 0


def test_what_is_left_is_an_error(
    app: Flask, bodies: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = runtime_of(app).inbox
    really = inbox.delete_some

    def delete_some(which: object) -> object:
        inbox.accept("evt_new", NUMBER.encode(), endpoint="ycloud", event_type=None)
        return really(which)  # type: ignore[arg-type]

    monkeypatch.setattr(inbox, "delete_some", delete_some)
    told = call(app, "person", NUMBER, "--erase", "--yes")
    why = "since the delivery arrived during the erasure: erase again."
    assert f"1 event was not erased, {why}" in told.output
    assert "  evt_new (endpoint 'ycloud')" in told.output
    assert told.exit_code == 1


def test_what_cannot_be_read_is_an_error(make_app: MakeApp, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'inbox.db'}"
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    deliver(make_app(YCLOUD_INBOX_URL=url, YCLOUD_BODY_KEYS=keys[0]), body_of())
    app = make_app(YCLOUD_INBOX_URL=url, YCLOUD_BODY_KEYS=keys[1])
    for option in ("--show", "--erase"):
        told = call(app, "person", NUMBER, option, *(["--yes"] * (option == "--erase")))
        assert (
            "1 event was not searched, since a key is not in YCLOUD_BODY_KEYS."
            in told.output
        )
        assert told.exit_code == 1
    file = tmp_path / "person.jsonl"
    told = call(app, "person", NUMBER, "--export", str(file))
    assert "the export would be incomplete" in told.output
    assert (told.exit_code, file.exists()) == (1, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((NUMBER,), "Say what to do: --show, --export FILE or --erase."),
        ((NUMBER, "--show", "--erase"), "Say what to do"),
        ((NUMBER, "--show", "--yes"), "--yes goes with --erase."),
        (("123", "--show"), "A person is a telephone number of 5 digits or more"),
    ],
)
def test_wrong_options(app: Flask, options: tuple[str, ...], message: str) -> None:
    told = call(app, "person", *options)
    assert message in told.output
    assert told.exit_code == 2
