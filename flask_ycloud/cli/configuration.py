"""The doctor's look at the settings: what has no effect, and what is too weak."""

from __future__ import annotations

from collections.abc import Iterator

from ..runtime import Runtime
from ..secret_checks import REMEDY
from .finding import Finding
from .places import Place


def without_effect(runtime: Runtime) -> Iterator[Finding]:
    """Names in the environment and in ``app.config`` that were meant for a setting."""
    for each in runtime.unread(also_overridden=True):
        yield Finding("settings", "look", each.text, each.remedy)


def weak(runtime: Runtime, place: Place, weakness: str) -> Finding:
    """A secret that anybody may know; bad, unless the app is only tried or tested."""
    tried = runtime.app.testing or runtime.app.debug
    text = f"{place}: its secret {weakness}."
    return Finding("secret", "look" if tried else "bad", text, REMEDY)
