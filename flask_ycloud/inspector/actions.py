"""What the pages do: replays, and deliveries of samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from flask import request

from ..errors import EventNotFound, EventRunning
from ..inbox import Inbox
from ..protocol import signed_headers
from ..runtime import Runtime

_MOST_REPLAYED = 10_000
_AT_ONCE = 500


def dead_ids(inbox: Inbox) -> Iterator[str]:
    """All of them once, though a replayed one may be back at once."""
    before = None
    for _ in range(_MOST_REPLAYED // _AT_ONCE):
        found = inbox.list(state="dead", before=before, limit=_AT_ONCE)
        yield from (each.id for each in found)
        if len(found) < _AT_ONCE:
            return
        before = found[-1].position


def replay_all(inbox: Inbox, ids: Iterable[str], succeeded_too: bool) -> tuple[int, int]:
    """Replay, and count those that are due again and those that could not be."""
    done = left = 0
    for each in ids:
        try:
            inbox.replay(each, succeeded_too=succeeded_too)
            done += 1
        except (EventNotFound, EventRunning):
            left += 1
    return done, left


def post(runtime: Runtime, endpoint: str, body: bytes) -> Any:
    """Through the app, with a signature, as from YCloud."""
    secret = runtime.endpoints[endpoint].secrets()[0]
    client = runtime.app.test_client(use_cookies=False)
    return client.post(
        runtime.path_of(endpoint),
        base_url=request.host_url,
        data=body,
        headers=signed_headers(body, secret),
    )


def id_of(body: str) -> str | None:
    """The id in the body of an event, if it has one."""
    try:
        found = json.loads(body)
        return str(found.get("id") or found.get("eventId") or "") or None
    except (ValueError, AttributeError, RecursionError):
        return None
