"""The doctor's look at the settings: what has no effect, and what is too weak."""

from __future__ import annotations

from collections.abc import Iterator

from ..runtime import Runtime
from ..secret_checks import REMEDY
from .finding import Finding
from .places import Place

_LONG_ENOUGH = 15  # characters of a password


def without_effect(runtime: Runtime) -> Iterator[Finding]:
    """Names in the environment and in ``app.config`` that were meant for a setting."""
    for each in runtime.unread(also_overridden=True):
        yield Finding("settings", "look", each.text, each.remedy)


def password(runtime: Runtime) -> Iterator[Finding]:
    """A password of the inspector that can be guessed."""
    length = len(runtime.settings.inspector_password or "")
    if 0 < length < _LONG_ENOUGH:
        text = f"YCLOUD_INSPECTOR_PASSWORD has {length} characters."
        remedy = f"{_LONG_ENOUGH} or more are recommended; make them at random."
        yield Finding("password", "look", text, remedy)


def weak(runtime: Runtime, place: Place, weakness: str) -> Finding:
    """A secret that anybody may know; bad, unless the app is only tried or tested."""
    tried = runtime.app.testing or runtime.app.debug
    text = f"{place}: its secret {weakness}."
    return Finding("secret", "look" if tried else "bad", text, REMEDY)
