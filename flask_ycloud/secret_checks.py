"""What may be a signing secret, and what only looks like one."""

from __future__ import annotations

from typing import Any

from .errors import ConfigurationError

#: One secret or several, of which any may have signed.
Keys = tuple[str | bytes, ...]

#: What to do about a secret that is too weak.
REMEDY = "Set the one that YCloud shows: Developers → Webhooks."

_SHORTEST = 16
_PLACEHOLDERS = frozenset({"whsec_...", "whsec_…", "whsec_replace_me"})
_PLACEHOLDERS_AS_BYTES = frozenset(each.encode() for each in _PLACEHOLDERS)


def keys_in(value: Any, what: str, hint: str = "") -> Keys:
    """The secrets that a value stands for.

    :param what: what the value is called in error messages.
    :param hint: a sentence for those who have none.
    :raises ConfigurationError: if it is none, or has a part that is none.
    """
    several = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    if not several or not all(isinstance(each, (str, bytes)) and each for each in several):
        raise ConfigurationError(
            f"{what} is {_described(value)}. It takes the signing secret of the webhook"
            " endpoint (whsec_…), a sequence of them while rotating, or a callable that"
            f" returns either.{hint or ' Deliveries cannot be verified without.'}"
        )
    if any(each != each.strip() for each in several):
        raise ConfigurationError(
            f"{what}: the secret is blank or has white space around it, such as the line"
            " break at the end of a file. That would count as part of the secret. Take it"
            " away, for example with .strip()."
        )
    return tuple(several)


def weakness_of(keys: Keys) -> str | None:
    """Why anybody could sign with one of them, in words; ``None`` if nobody can."""
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
        return f"a {kind} with a part that is empty or no text"
    return f"of type {kind}"
