"""Check signing secrets: their types, placeholders, and their length."""

from __future__ import annotations

from typing import Any

from .errors import ConfigurationError

#: One secret or several, any of which may have signed.
Keys = tuple[str | bytes, ...]

#: What to do about a secret that is too weak.
REMEDY = "Set the one that YCloud shows: Developers → Webhooks."

_SHORTEST = 16
_PLACEHOLDERS = frozenset({"whsec_...", "whsec_…", "whsec_replace_me"})
_PLACEHOLDERS_AS_BYTES = frozenset(each.encode() for each in _PLACEHOLDERS)


def keys_in(value: Any, what: str, hint: str = "") -> Keys:
    """The secrets in a value.

    :param what: the name of the value in error messages.
    :param hint: a sentence for the message, if there is no secret.
    :raises ConfigurationError: if the value, or a part of it, is not a secret.
    """
    several = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    if not several or not all(isinstance(each, (str, bytes)) and each for each in several):
        raise ConfigurationError(
            f"{what} is {_described(value)}. It takes the signing secret of the webhook"
            " endpoint (whsec_…), a sequence of them while rotating, or a callable that"
            f" returns either.{hint or ' Deliveries cannot be verified without it.'}"
        )
    if any(each != each.strip() for each in several):
        raise ConfigurationError(
            f"{what}: the secret is blank or has white space around it, such as the line"
            " break at the end of a file. It would be part of the secret. Remove it, for"
            " example with .strip()."
        )
    return tuple(several)


def weakness_of(keys: Keys) -> str | None:
    """Why others could sign with one of the secrets, in words; ``None`` if they cannot."""
    for each in keys:
        if each in _PLACEHOLDERS or each in _PLACEHOLDERS_AS_BYTES:
            return "is a placeholder of the documentation, which anybody can sign with"
        if len(each) < _SHORTEST:
            return f"has fewer than {_SHORTEST} characters, so it can be guessed"
    return None


def _described(value: Any) -> str:
    if not value and not isinstance(value, (int, float)):
        return "missing or empty"
    kind = type(value).__name__
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"a {kind} with a part that is empty or not text"
    return f"of type {kind}"
