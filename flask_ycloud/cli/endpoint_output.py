"""A webhook endpoint in a terminal, or as JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from .output import echo, fields

if TYPE_CHECKING:
    from ..api import WebhookEndpoint

_HIDDEN = "whsec_… (--reveal shows it)"


def plain(endpoint: WebhookEndpoint, reveal: bool) -> dict[str, Any]:
    """An endpoint as JSON has it; its secret if it may be seen."""
    plain = dataclasses.asdict(endpoint)
    for name in ("create_time", "update_time"):
        plain[name] = plain[name] and plain[name].isoformat()
    if not reveal:
        del plain["secret"]
    return plain


def show_endpoint(endpoint: WebhookEndpoint, reveal: bool, as_json: bool) -> None:
    """Print an endpoint."""
    if as_json:
        echo(json.dumps(plain(endpoint, reveal)))
        return
    secret = endpoint.secret or ""
    lines = {
        "id": endpoint.id,
        "url": endpoint.url,
        "status": endpoint.status,
        "description": endpoint.description,
        "secret": secret if reveal else _HIDDEN,
        "created": endpoint.create_time and endpoint.create_time.isoformat(),
        "updated": endpoint.update_time and endpoint.update_time.isoformat(),
        "events": list(endpoint.enabled_events),
        "properties": [
            f"{event}: {', '.join(properties)}"
            for event, properties in endpoint.event_properties.items()
        ],
    }
    fields(lines, 12)
