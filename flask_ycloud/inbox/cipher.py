"""Encrypt the bodies and texts of events at rest, with keys that can be rotated."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from ..errors import BodyUnreadable, InboxUnavailable

#: The prefix of an encrypted text. The id of its key and a colon follow.
MARK = "ycloud-fernet:"
#: The number of characters in the id of a key.
KEY_ID_LENGTH = 16

_MISSING = (
    "YCLOUD_BODY_KEYS needs the package cryptography, which is not installed: pip install"
    " 'flask-ycloud[encryption]'."
)
_NOT_KEPT = "(not kept: the package cryptography is not installed)"


class Cipher:
    """Encrypts with the first key, and decrypts with any of the keys.

    :param keys: as ``Fernet.generate_key()`` returns them. If the first key is empty,
        nothing new is encrypted.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = {id_of_key(key): key for key in keys if key}
        #: The ids of all keys.
        self.key_ids = frozenset(self._keys)
        #: The id of the key that encrypts, or ``None`` if nothing is encrypted.
        self.key_id = id_of_key(keys[0]) if keys and keys[0] else None

    def __bool__(self) -> bool:
        """Whether there is any key."""
        return bool(self._keys)

    @cached_property
    def _fernets(self) -> dict[str, Any]:
        """A ``Fernet`` for each key, by the key's id.

        :raises InboxUnavailable: if the package is missing.
        """
        if not self._keys:
            return {}
        try:
            from cryptography.fernet import Fernet
        except ModuleNotFoundError:
            raise InboxUnavailable(_MISSING) from None
        return {key_id: Fernet(key) for key_id, key in self._keys.items()}

    def seal(self, body: bytes) -> bytes:
        """Encrypt a body for storage, with the key :attr:`key_id`.

        :raises InboxUnavailable: if the package cryptography is missing.
        """
        if self.key_id is None:
            return body
        sealed: bytes = self._fernets[self.key_id].encrypt(body)
        return sealed

    def open(self, sealed: bytes, key_id: str | None) -> bytes:
        """Decrypt a stored body.

        :raises BodyUnreadable: if its key is missing, or if the stored bytes were changed.
        """
        if key_id is None or not sealed:
            return sealed
        try:
            fernet = self._fernets.get(key_id)
        except InboxUnavailable as error:
            raise BodyUnreadable(str(error)) from None
        if fernet is None:
            raise BodyUnreadable(
                f"It is encrypted with the key {key_id}, which is not in YCLOUD_BODY_KEYS."
                " Add that key, but not as the first: the others only decrypt."
            )
        from cryptography.fernet import InvalidToken

        try:
            body: bytes = fernet.decrypt(sealed)
        except InvalidToken:
            raise BodyUnreadable(
                f"It was encrypted with the key {key_id}, and its stored bytes were"
                " changed."
            ) from None
        return body

    def opener(self, sealed: bytes, key_id: str | None) -> Callable[[], bytes]:
        """A function that decrypts a stored body when it is called."""
        return lambda: self.open(sealed, key_id)

    def seal_text(self, text: str) -> str:
        """Encrypt a text for storage. :meth:`open_text` reads it."""
        if self.key_id is None:
            # A text that is not encrypted must not begin with the mark.
            return f" {text}" if text.startswith(MARK) else text
        try:
            sealed = self.seal(text.encode()).decode()
        except InboxUnavailable:
            return _NOT_KEPT  # a lost message is better than a lost outcome
        return f"{MARK}{self.key_id}:{sealed}"

    def open_text(self, text: str) -> str:
        """Read a stored text, encrypted or not. Return why, if it cannot be read."""
        try:
            return self._opened(text)
        except BodyUnreadable as error:
            return f"(unreadable: {error})"

    def _opened(self, text: str) -> str:
        if not text.startswith(MARK):
            return text
        _, key_id, sealed = text.split(":", 2)
        return self.open(sealed.encode(), key_id).decode()

    def resealed_text(self, text: str, target: Cipher) -> str:
        """Encrypt a sealed text with another cipher. An unreadable text is not changed."""
        try:
            return target.seal_text(self._opened(text)) if text.startswith(MARK) else text
        except BodyUnreadable:
            return text

    def seal_error(self, state: str, error: str | None) -> str | None:
        """Encrypt the part of an outcome's error that may quote personal data.

        Of a discard, that is the reason. Of a failure, that is the error's message, which
        is below the first line.
        """
        if not error:
            return error
        if state == "discarded":
            return self.seal_text(error)
        place, _, message = error.partition("\n")
        return f"{place}\n{self.seal_text(message)}" if message else error

    def open_error(self, error: str | None) -> str | None:
        """Read an error that :meth:`seal_error` returned."""
        if not error or MARK not in error:
            return error
        return _by_parts(error, self.open_text)

    def resealed_error(self, state: str, error: str, target: Cipher) -> str | None:
        """Encrypt a sealed error with another cipher. An unreadable one is not changed."""
        if target.key_id is not None and f"{MARK}{target.key_id}:" in error:
            return error
        try:
            return target.seal_error(state, _by_parts(error, self._opened))
        except BodyUnreadable:
            return error


def _by_parts(error: str, change: Callable[[str], str]) -> str:
    """Change the first line and the message of an error separately."""
    place, line_break, message = error.partition("\n")
    return change(place) + line_break + (change(message) if message else "")


def id_of_key(key: str) -> str:
    """A hash that identifies a key without revealing it."""
    secret = base64.urlsafe_b64decode(key)
    return hashlib.sha256(b"flask-ycloud body key" + secret).hexdigest()[:KEY_ID_LENGTH]
