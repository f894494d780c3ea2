"""The doctor's check of the settings, the secrets and the handlers."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import ConfigurationError, UnknownTenant
from ..formats import counted
from ..handlers import types_handled
from ..protocol import KNOWN_SUBSCRIPTIONS
from ..secret_checks import REMEDY, weakness_of
from .finding import Finding, Subject, error, ok, skipped, warning
from .places import Place, places

_LONG_ENOUGH = 15  # characters of a password

# YCloud's last retry comes so long after the first try, perhaps with its signature.
_LAST_RETRY = 5 * 3600 + 36 * 60


def settings(subject: Subject) -> Iterator[Finding]:
    """How events are handled, the tolerance, and names that have no effect."""
    runtime = subject.runtime
    yield ok("settings", f"Events are handled by {_name(runtime.dispatch)}.")
    tolerance = runtime.settings.tolerance
    if tolerance < _LAST_RETRY:
        yield warning(
            "settings",
            f"YCLOUD_SIGNATURE_TOLERANCE is {tolerance:g} s; YCloud's last retry comes"
            f" {_LAST_RETRY} s after the first try, and would be rejected.",
            "Remove the setting: the default is 21600.",
        )
    for each in runtime.unread(also_overridden=True):
        yield warning("settings", each.text, each.remedy)


def _name(dispatch: object) -> str:
    if isinstance(dispatch, str):
        return repr(dispatch)
    return f"the function {getattr(dispatch, '__name__', type(dispatch).__name__)}"


def password(subject: Subject) -> Iterator[Finding]:
    """A password of the inspector that can be guessed."""
    length = len(subject.runtime.settings.inspector_password or "")
    if 0 < length < _LONG_ENOUGH:
        text = f"YCLOUD_INSPECTOR_PASSWORD has {counted(length, 'character')}."
        remedy = f"{_LONG_ENOUGH} or more are recommended. Generate it at random."
        yield warning("password", text, remedy)


def signing_secrets(subject: Subject) -> Iterator[Finding]:
    """Whether secrets can be fetched. For an endpoint with tenants, those of some."""
    runtime, tenants = subject.runtime, subject.tenants
    for place in places(runtime, tenants):
        yield _secrets(subject, place)
    for name in runtime.endpoints:
        if runtime.serves_many(name) and not tenants:
            text = f"{name} serves many accounts; no tenant was checked."
            yield skipped("secret", text, "Name some: --tenant NAME …")


def _secrets(subject: Subject, place: Place) -> Finding:
    try:
        secrets = place.secrets(subject.runtime, subject.endpoint_id)
    except UnknownTenant:
        return _unknown(place, subject.endpoint_id)
    except ConfigurationError as wrong:
        remedy = "Correct the setting, or the function that returns the secret."
        return error("secret", f"{place}: {wrong}", remedy)
    if weakness := weakness_of(secrets):
        # Anybody may know it. That is harmless while the app is tried or tested.
        app = subject.runtime.app
        level = warning if app.testing or app.debug else error
        return level("secret", f"{place}: its secret {weakness}.", REMEDY)
    count = "one secret" if len(secrets) == 1 else counted(len(secrets), "secret")
    return ok("secret", f"{place} has {count}.")


def _unknown(place: Place, endpoint_id: str | None) -> Finding:
    """Its function returned ``None``, so a delivery gets a 401."""
    if place.tenant is not None:
        text = f"{place}: there is no such tenant."
        return error("secret", text, "Is the name right? Its secrets= returned None.")
    if endpoint_id is not None:
        text = f"{place}: there is no secret for the endpoint id {endpoint_id}."
        return error("secret", text, "Is the id right? Its secrets= returned None.")
    text = f"{place}: its secrets= returned None without an endpoint id."
    return skipped("secret", text, "Name one: --endpoint-id ID")


def handlers(subject: Subject) -> Iterator[Finding]:
    """Whether each endpoint has handlers, for types that exist."""
    for name in subject.runtime.endpoints:
        handled = types_handled(*subject.runtime.scopes(name))
        unknown = [each for each in handled if each not in KNOWN_SUBSCRIPTIONS]
        if not handled:
            text = f"{name}: no handler is subscribed to any event type."
            yield error("handlers", text, "Is the module with @on_event imported?")
        elif unknown:
            text = f"{name}: YCloud does not document {', '.join(unknown)}."
            yield warning("handlers", text, "Are they spelt right? See: flask ycloud types")
        else:
            types = counted(len(handled), "event type")
            yield ok("handlers", f"{name} has handlers for {types}.")
