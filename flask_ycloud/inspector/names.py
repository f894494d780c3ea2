"""Names of endpoints and handlers for the forms, and the title of the pages."""

from __future__ import annotations

from collections.abc import Sequence

from ..handlers import handlers_for, subscriptions
from ..protocol import EVENT_TYPES
from ..runtime import Runtime


def endpoint_names(runtime: Runtime) -> Sequence[str]:
    """Return the endpoints of the app."""
    return list(runtime.endpoints)


def handler_names(runtime: Runtime) -> Sequence[str]:
    """Return the handlers of this process, for any type."""
    names = set[str]()
    for endpoint in runtime.endpoints:
        scopes = runtime.scopes(endpoint)
        exact = {each for each in subscriptions(*scopes) if not each.endswith("*")}
        for event_type in exact | set(EVENT_TYPES):
            names |= handlers_for(runtime.app, event_type, *scopes).keys()
    return sorted(names)


def title(runtime: Runtime) -> str:
    """Return a title that names the app, so that users see which app the pages are for."""
    named = runtime.settings.inspector_title
    return named or f"{runtime.app.name}{' (debug)' if runtime.app.debug else ''}"
