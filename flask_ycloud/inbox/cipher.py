"""Bodies and texts of events, encrypted at rest with keys that rotate."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from ..errors import BodyUnreadable, InboxUnavailable

#: What an encrypted text begins with; the id of its key and a colon follow.
MARK = "ycloud-fernet:"
#: How many characters the id of a key has.
KEY_ID_LENGTH = 16

_MISSING = (
    "YCLOUD_BODY_KEYS needs the package cryptography, which is not installed: pip install"
    " 'flask-ycloud[encryption]'."
)
_NOT_KEPT = "(not kept: the package cryptography is not installed)"


class Cipher:
    """Encrypts with the first of some keys, and decrypts with any of them.

    :param keys: as ``Fernet.generate_key()`` gives them. If the first one is empty, nothing
        is encrypted from now on.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = {id_of_key(key): key for key in keys if key}
        #: The ids of all of them.
        self.key_ids = frozenset(self._keys)
        #: The id of the key that encrypts; ``None`` if none does.
        self.key_id = id_of_key(keys[0]) if keys and keys[0] else None

    def __bool__(self) -> bool:
        """Whether there is any key."""
        return bool(self._keys)

    @cached_property
    def _fernets(self) -> dict[str, Any]:
        """One for each key, by its id.

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
        """A body as it is stored, under :attr:`key_id`.

        :raises InboxUnavailable: if the package cryptography is missing.
        """
        if self.key_id is None:
            return body
        sealed: bytes = self._fernets[self.key_id].encrypt(body)
        return sealed

    def open(self, sealed: bytes, key_id: str | None) -> bytes:
        """The body that was stored.

        :raises BodyUnreadable: if its key is missing, or it was changed since.
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
                " Add that key: any but the first only decrypts."
            )
        from cryptography.fernet import InvalidToken

        try:
            body: bytes = fernet.decrypt(sealed)
        except InvalidToken:
            raise BodyUnreadable(
                f"It was encrypted with the key {key_id}, and was changed since."
            ) from None
        return body

    def opener(self, sealed: bytes, key_id: str | None) -> Callable[[], bytes]:
        """What opens a body when it is asked for."""
        return lambda: self.open(sealed, key_id)

    def seal_text(self, text: str) -> str:
        """A text as it is stored. It stays readable by :meth:`open_text`."""
        if self.key_id is None:
            # What was not sealed shall not look so.
            return f" {text}" if text.startswith(MARK) else text
        try:
            sealed = self.seal(text.encode()).decode()
        except InboxUnavailable:
            return _NOT_KEPT  # a lost message is better than a lost outcome
        return f"{MARK}{self.key_id}:{sealed}"

    def open_text(self, text: str) -> str:
        """A text that was stored, sealed or not; or why it cannot be read."""
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
        """A sealed text as another cipher seals it. What cannot be read stays as it is."""
        try:
            return target.seal_text(self._opened(text)) if text.startswith(MARK) else text
        except BodyUnreadable:
            return text

    def seal_error(self, state: str, error: str | None) -> str | None:
        """An outcome's error as it is stored: sealed is what a handler may have quoted.

        That is the reason of a discard, and of a failure its message, which is below the
        first line.
        """
        if not error:
            return error
        if state == "discarded":
            return self.seal_text(error)
        place, _, message = error.partition("\n")
        return f"{place}\n{self.seal_text(message)}" if message else error

    def open_error(self, error: str | None) -> str | None:
        """The reverse."""
        if not error or MARK not in error:
            return error
        return _by_parts(error, self.open_text)

    def resealed_error(self, state: str, error: str, target: Cipher) -> str | None:
        """An error as another cipher seals it. What cannot be read stays as it is."""
        if target.key_id is not None and f"{MARK}{target.key_id}:" in error:
            return error
        try:
            return target.seal_error(state, _by_parts(error, self._opened))
        except BodyUnreadable:
            return error


def _by_parts(error: str, change: Callable[[str], str]) -> str:
    """Its first line and its message, each changed."""
    place, line_break, message = error.partition("\n")
    return change(place) + line_break + (change(message) if message else "")


def id_of_key(key: str) -> str:
    """What tells a key from others, and does not tell the key."""
    secret = base64.urlsafe_b64decode(key)
    return hashlib.sha256(b"flask-ycloud body key" + secret).hexdigest()[:KEY_ID_LENGTH]
