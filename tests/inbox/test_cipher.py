"""Bodies and texts: encrypted with the first key, decrypted with any key."""

from __future__ import annotations

import sys

import pytest
from cryptography.fernet import Fernet

from flask_ycloud import BodyUnreadable, InboxUnavailable
from flask_ycloud.inbox.cipher import MARK, Cipher

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
PLAIN = Cipher()


def test_the_first_key_seals_and_any_opens() -> None:
    old, both = Cipher([OLD]), Cipher([NEW, OLD])
    sealed = old.seal(b"hello")
    assert b"hello" not in sealed
    assert Fernet(OLD).decrypt(sealed) == b"hello", "any Fernet can read it"
    assert both.open(sealed, old.key_id) == b"hello"
    assert both.key_id not in (None, old.key_id)
    assert both.key_ids == {both.key_id, old.key_id}
    assert OLD not in str(old.key_id)


def test_without_keys_all_is_plain() -> None:
    assert not PLAIN
    assert (PLAIN.seal(b"hello"), PLAIN.key_id) == (b"hello", None)
    assert PLAIN.open(b"hello", None) == b"hello"


def test_an_empty_first_key_seals_nothing_any_more() -> None:
    ending = Cipher(["", OLD])
    assert (ending.seal(b"hello"), ending.key_id, bool(ending)) == (b"hello", None, True)
    assert ending.open(Cipher([OLD]).seal(b"hello"), Cipher([OLD]).key_id) == b"hello"


def test_what_was_emptied_needs_no_key() -> None:
    assert PLAIN.open(b"", "0123456789abcdef") == b""


def test_a_missing_key_is_named() -> None:
    old = Cipher([OLD])
    with pytest.raises(BodyUnreadable, match=f"the key {old.key_id}, which is not in"):
        Cipher([NEW]).open(old.seal(b"hello"), old.key_id)


def test_what_was_changed_is_not_opened() -> None:
    old = Cipher([OLD])
    with pytest.raises(BodyUnreadable, match="stored bytes were changed"):
        old.open(old.seal(b"hello")[:-4] + b"AAAA", old.key_id)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, key_id = Cipher([OLD]).seal(b"hello"), Cipher([OLD]).key_id
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    cipher = Cipher([OLD])
    with pytest.raises(InboxUnavailable, match="pip install 'flask-ycloud"):
        cipher.seal(b"hello")
    with pytest.raises(BodyUnreadable, match="pip install 'flask-ycloud"):
        cipher.open(sealed, key_id)
    assert cipher.seal_text("hello").startswith("(not kept"), "no outcome is lost for it"


@pytest.mark.parametrize("cipher", [PLAIN, Cipher([OLD])])
@pytest.mark.parametrize("text", ["hello", f"{MARK}x:y", "", "two\nlines"])
def test_a_text_and_the_same_again(cipher: Cipher, text: str) -> None:
    sealed = cipher.seal_text(text)
    assert cipher.open_text(sealed).lstrip(" ") == text
    assert cipher.key_id is None or text not in sealed or not text


def test_a_text_whose_key_is_missing() -> None:
    sealed = Cipher([OLD]).seal_text("hello")
    assert Cipher([NEW]).open_text(sealed).startswith("(unreadable: It is encrypted with")
    assert PLAIN.open_error(sealed) != sealed


@pytest.mark.parametrize(
    ("state", "error", "shown"),
    [
        ("failed", "ValueError at app.py:1", "ValueError at app.py:1"),
        ("failed", "ValueError at app.py:1\nof Ann\nand Bob", "ValueError at app.py:1\n"),
        ("discarded", "Ann is unknown", ""),
        ("discarded", "Ann\nis unknown", ""),
        ("succeeded", None, ""),
    ],
)
def test_of_an_error_what_may_quote_is_sealed(
    state: str, error: str | None, shown: str
) -> None:
    cipher = Cipher([OLD])
    sealed = cipher.seal_error(state, error)
    assert (sealed or "").startswith(shown)
    assert "Ann" not in (sealed or "")
    assert cipher.open_error(sealed) == error
    assert PLAIN.seal_error(state, error) == error


def test_an_error_is_sealed_again() -> None:
    old, new = Cipher([OLD]), Cipher([NEW, OLD])
    sealed = old.seal_error("failed", "E\nof Ann")
    assert sealed is not None
    again = new.resealed_error("failed", sealed, new)
    assert again is not None
    assert Cipher([NEW]).open_error(again) == "E\nof Ann"
    assert new.resealed_error("failed", again, new) == again, "it is as it should be"
    assert new.resealed_error("failed", sealed, PLAIN) == "E\nof Ann"
    assert Cipher([NEW]).resealed_error("failed", sealed, new) == sealed, (
        "its key is missing"
    )


def test_a_reason_is_sealed_again() -> None:
    old, new = Cipher([OLD]), Cipher([NEW, OLD])
    sealed = old.seal_text("of Ann")
    assert Cipher([NEW]).open_text(new.resealed_text(sealed, new)) == "of Ann"
    assert new.resealed_text(sealed, PLAIN) == "of Ann"
    assert new.resealed_text("plain", new) == "plain", "what was never sealed may stay"
    assert Cipher([NEW]).resealed_text(sealed, new) == sealed
