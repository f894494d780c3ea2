"""The doctor's look at what arrives: can it be verified, and what became no event?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import ConfigurationError, UnknownTenant
from ..runtime import Runtime
from ..secret_checks import weakness_of
from .configuration import weak
from .finding import Finding
from .places import Place, places

_CLOCK_OFF = 30.0
_REMEDIES = {
    "mismatch": "Is the secret that of the endpoint? Try one: flask ycloud verify",
    "stale": "Is this machine's clock right? Is YCLOUD_SIGNATURE_TOLERANCE too short?",
    "unknown tenant": "Was the tenant removed, and its endpoint at YCloud is still there?",
    "inbox unavailable": "YCloud sends them again. See the log for what was wrong.",
    "secret unavailable": "YCloud sends them again. See the log for what was wrong.",
    "dispatch unavailable": "YCloud sends them again. See the log for what was wrong.",
}
_PASSWORDS = "Does somebody guess? The log has one warning a minute, with their number."
_CONFLICTS = "Compare the bodies: flask ycloud list --state dead; then: show ID --payload"


def signing_secrets(
    runtime: Runtime, tenants: Sequence[str], endpoint_id: str | None
) -> Iterator[Finding]:
    """Whether secrets can be fetched; of an endpoint with tenants, those of some."""
    for place in places(runtime, tenants):
        yield from _secrets(runtime, place, endpoint_id)
    for name in runtime.endpoints:
        if runtime.serves_many(name) and not tenants:
            text = f"{name} serves many accounts; no tenant was looked at."
            yield Finding("secret", "skipped", text, "Name some: --tenant NAME …")


def _secrets(runtime: Runtime, place: Place, endpoint_id: str | None) -> Iterator[Finding]:
    try:
        secrets = place.secrets(runtime, endpoint_id)
    except UnknownTenant:
        yield _unknown(place, endpoint_id)
        return
    except ConfigurationError as error:
        yield Finding("secret", "bad", f"{place}: {error}", "Fix the callable.")
        return
    if weakness := weakness_of(secrets):
        yield weak(runtime, place, weakness)
        return
    count = "one secret" if len(secrets) == 1 else f"{len(secrets)} secrets"
    yield Finding("secret", "good", f"{place} has {count}.")


def _unknown(place: Place, endpoint_id: str | None) -> Finding:
    """Its function gave ``None``, so a delivery gets a 401."""
    if place.tenant is not None:
        text = f"{place}: there is no such tenant."
        return Finding("secret", "bad", text, "Is the name right? Its secrets= gave None.")
    if endpoint_id is not None:
        text = f"{place}: there is no secret for the endpoint id {endpoint_id}."
        return Finding("secret", "bad", text, "Is the id right? Its secrets= gave None.")
    text = f"{place}: its secrets= gave None without an id of YCloud's."
    return Finding("secret", "skipped", text, "Name one: --endpoint-id ID")


def troubles(runtime: Runtime) -> Iterator[Finding]:
    """What was rejected, and what came under a known id with another body."""
    from ..inbox import last_day  # here, since it needs SQLAlchemy

    found = last_day(runtime.inbox)
    for (endpoint, reason), count in found.rejected.items():
        text = f"{endpoint}: {count} deliveries were rejected in the last day: {reason}."
        yield Finding("rejected", "look", text, _REMEDIES.get(reason, ""))
    if not found.rejected:
        yield Finding("rejected", "good", "No delivery was rejected in the last day.")
    for name, count in found.passwords.items():
        text = f"{name}: {count} attempts with a wrong password in the last day."
        yield Finding("password", "look", text, _PASSWORDS)
    for endpoint, count in found.conflicts.items():
        text = f"{endpoint}: {count} deliveries in the last day had a known event id and"
        yield Finding("conflicts", "look", f"{text} another body.", _CONFLICTS)


def clock(runtime: Runtime) -> Iterator[Finding]:
    """The quickest of recent deliveries tells how far the clocks are apart."""
    recent = runtime.inbox.list(limit=100, bodies=False)
    delays = [
        (each.received_at - each.signed_at).total_seconds()
        for each in recent
        if each.signed_at is not None
    ]
    if not delays:
        yield Finding("clock", "skipped", "No delivery has arrived yet.")
        return
    offset = min(delays)
    text = (
        f"The quickest of {len(delays)} deliveries came {offset:.0f} s after its signing."
    )
    if abs(offset) < _CLOCK_OFF:
        yield Finding("clock", "good", text)
    else:
        remedy = "Is this machine's clock right? Does it run NTP?"
        yield Finding("clock", "look", text, remedy)
