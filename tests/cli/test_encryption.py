"""``encrypt``, and what the doctor says of keys."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from flask_ycloud import on_event
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, call, deliver, id_of
from .support import findings

FIRST, SECOND = (Fernet.generate_key().decode() for _ in range(2))
WithKeys = Callable[..., Flask]


@pytest.fixture
def with_keys(make_app: MakeApp, tmp_path: Path) -> WithKeys:
    """Apps over one inbox, as after each change of YCLOUD_BODY_KEYS."""
    on_event("*", name="one")(lambda event: None)
    url = f"sqlite:///{tmp_path / 'inbox.db'}"
    return lambda *keys: make_app(YCLOUD_INBOX_URL=url, YCLOUD_BODY_KEYS=list(keys))


def says(app: Flask) -> list[tuple[str, str, str]]:
    return findings(app).get("keys", [])


def test_from_plain_to_a_key_to_another_and_back(with_keys: WithKeys) -> None:
    plain, body = with_keys(), body_of()
    deliver(plain, body)
    assert says(plain) == []

    first = with_keys(FIRST)
    (plain_ones,) = says(first)
    assert plain_ones[0] == "warning"
    assert plain_ones[2] == "Encrypt them: flask ycloud encrypt"
    key_id = runtime_of(first).inbox.cipher.key_id
    told = call(first, "encrypt")
    assert told.output.endswith(
        f"Encrypted with the key {key_id}: 1 body and 0 messages.\n"
    )
    assert says(first) == [("ok", f"Bodies are encrypted with {key_id}.", "")]

    second = with_keys(SECOND, FIRST)
    assert says(second) == [
        (
            "warning",
            f"Events are encrypted with keys that are not the first: {key_id}.",
            "Before you remove a key: flask ycloud encrypt",
        )
    ]
    assert call(second, "encrypt").exit_code == 0
    only = with_keys(SECOND)
    assert body.decode() in call(only, "show", id_of(body), "--payload").output

    ending = with_keys("", SECOND)
    assert says(ending)[0][2] == "Before you remove a key: flask ycloud encrypt --decrypt"
    assert "Decrypted 1 body" in call(ending, "encrypt", "--decrypt").output
    assert body.decode() in call(with_keys(), "show", id_of(body), "--payload").output


def test_a_key_that_is_missing(with_keys: WithKeys) -> None:
    body = body_of()
    deliver(with_keys(FIRST), body)
    app = with_keys(SECOND)
    level, text, remedy = says(app)[0]
    assert (level, remedy) == (
        "error",
        "Add them behind the first key. Their events wait until then.",
    )
    assert "Events need keys that are not in YCLOUD_BODY_KEYS: " in text
    told = call(app, "encrypt")
    assert "1 body stays unchanged: a key is not in YCLOUD_BODY_KEYS." in told.output
    assert told.exit_code == 1
    shown = call(app, "show", id_of(body), "--payload")
    assert "is not in YCLOUD_BODY_KEYS. Add that key" in shown.output
    assert shown.exit_code == 1
    assert call(app, "show", id_of(body)).exit_code == 0
    assert call(app, "list").exit_code == 0


def test_the_package_is_missing(
    with_keys: WithKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = with_keys(FIRST)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert says(app) == [
        (
            "error",
            "YCLOUD_BODY_KEYS is set, but the package cryptography is not installed.",
            "Deliveries are answered 503: pip install 'flask-ycloud[encryption]'",
        )
    ]


def test_keys_that_do_not_fit_the_option(with_keys: WithKeys) -> None:
    told = call(with_keys(FIRST), "encrypt", "--decrypt")
    assert "Let the first of YCLOUD_BODY_KEYS be empty" in " ".join(told.output.split())
    for keys in ((), ("", FIRST)):
        told = call(with_keys(*keys), "encrypt")
        assert "YCLOUD_BODY_KEYS has no key that encrypts." in told.output
        assert told.exit_code == 2
