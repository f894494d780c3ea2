"""Claims of other events while one conversation is blocked by its first event.

    python -m benchmarks.blocked

Set ROUNDS in the environment to a lower number for a shorter run.
"""

from __future__ import annotations

import json
import secrets
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from flask_ycloud.inbox import Inbox, Verdict

from .inbox import BODY, new_id
from .rounds import compare, setting
from .stores import TITLES, kinds, scratch

TYPE = "whatsapp.inbound_message.received"
_SAMPLE_ID = json.loads(BODY)["id"].encode()
WAITING = (0, 1_000, 5_000, 20_000)
CLAIMS = 30


def accept(inbox: Inbox, key: str) -> str:
    """Store an event, and return its id."""
    event_id = new_id()
    body = BODY.replace(_SAMPLE_ID, event_id.encode())
    inbox.accept(event_id, body, endpoint="ycloud", event_type=TYPE, names=(key,))
    return event_id


def block(inbox: Inbox, waiting: int) -> None:
    """Let one event of a conversation run, with ``waiting`` events pending behind it."""
    first = accept(inbox, "busy")
    claim = inbox.claim()
    assert claim is not None
    assert claim.id == first
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: accept(inbox, "busy"), range(waiting)))


def claiming(inbox: Inbox) -> float:
    """Return the median seconds for claiming a new event of another conversation."""
    taken = []
    for _ in range(CLAIMS):
        fresh = accept(inbox, secrets.token_hex(16))
        started = time.perf_counter()
        claim = inbox.claim()
        taken.append(time.perf_counter() - started)
        assert claim is not None
        assert claim.id == fresh
        inbox.save(claim, None, Verdict("done"))
    return statistics.median(taken)


def main() -> None:
    for kind in kinds():
        with ExitStack() as opened:
            cases: dict[str, Callable[[], float]] = {}
            for waiting in WAITING:
                store = opened.enter_context(scratch(kind))
                inbox = opened.enter_context(store.inbox())
                block(inbox, waiting)
                claiming(inbox)  # warm
                cases[f"{waiting:,} wait"] = partial(claiming, inbox)
            compare(
                f"blocked-{kind}",
                f"Claims on {TITLES[kind]} beside a busy conversation",
                "time of a claim",
                cases,
                rounds=setting("ROUNDS", 15),
                aim="1.3 at most",
            )


if __name__ == "__main__":
    main()
