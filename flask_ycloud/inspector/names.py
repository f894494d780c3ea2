"""The names that forms suggest, and that the pages carry: endpoints, handlers, the app."""

from __future__ import annotations

from collections.abc import Sequence

from ..handlers import handlers_for, subscriptions
from ..protocol import EVENT_TYPES
from ..runtime import Runtime


def endpoint_names(runtime: Runtime) -> Sequence[str]:
    """The endpoints of the app."""
    return list(runtime.endpoints)


def handler_names(runtime: Runtime) -> Sequence[str]:
    """The handlers that this process has, for any type."""
    names = set[str]()
    for endpoint in runtime.endpoints:
        scopes = runtime.scopes(endpoint)
        exact = {each for each in subscriptions(*scopes) if not each.endswith("*")}
        for event_type in exact | set(EVENT_TYPES):
            names |= handlers_for(runtime.app, event_type, *scopes).keys()
    return sorted(names)


def title(runtime: Runtime) -> str:
    """What tells these pages from those of another app or environment."""
    named = runtime.settings.inspector_title
    return named or f"{runtime.app.name}{' (debug)' if runtime.app.debug else ''}"
