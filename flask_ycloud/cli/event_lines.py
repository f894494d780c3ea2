"""What arrives and what handlers do, in a line each, for ``listen``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import EventNotUnderstood
from ..formats import rejection
from ..handlers import (
    delivery_rejected,
    event_accepted,
    event_conflicted,
    event_dead,
    event_done,
    event_duplicated,
    handler_failed,
    handler_succeeded,
)
from ..protocol import Event, parse_event
from ..runtime import Runtime
from .output import echo

_HINTS = {
    "mismatch": "Only YCloud's deliveries to the new endpoint are accepted here. flask"
    " ycloud send signs with the secret of the settings: use it with flask run.",
}
_SHOWN_DIGITS = 4


@contextmanager
def printed(runtime: Runtime, *, as_json: bool) -> Iterator[None]:
    """Print a line for each signal of the app, until the block ends.

    :param as_json: whether the lines are JSON objects.
    """
    printer = _Printer(runtime, as_json)
    connected = {
        event_accepted: printer.accepted,
        event_duplicated: printer.known("duplicate"),
        event_conflicted: printer.known("conflict"),
        delivery_rejected: printer.rejected,
        handler_succeeded: printer.succeeded,
        handler_failed: printer.failed,
        event_done: printer.done,
        event_dead: printer.dead,
    }
    for signal, receiver in connected.items():
        signal.connect(receiver, runtime.app, weak=False)
    try:
        yield
    finally:
        for signal, receiver in connected.items():
            signal.disconnect(receiver, runtime.app)


class _Printer:
    def __init__(self, runtime: Runtime, as_json: bool) -> None:
        self._runtime = runtime
        self._as_json = as_json

    def accepted(self, app: object, **about: Any) -> None:
        self._event("accepted", about, self._counterpart(about))

    def known(self, what: str) -> Any:
        def receiver(app: object, **about: Any) -> None:
            self._event(what, about, {})

        return receiver

    def rejected(self, app: object, *, reason: str, status: int, **about: Any) -> None:
        why = reason if self._as_json else rejection(reason)
        self._print("rejected", {"status": status, "reason": why})
        if reason in _HINTS and self._runtime.once(f"listen {reason}"):
            echo(_HINTS[reason], err=True)

    def succeeded(
        self, app: object, *, event: Event[Any], handler: str, seconds: float
    ) -> None:
        self._run("succeeded", event, handler, seconds, {})

    def failed(
        self,
        app: object,
        *,
        event: Event[Any],
        handler: str,
        seconds: float,
        error: BaseException,
        retry_in: float | None,
    ) -> None:
        retry = None if retry_in is None else round(retry_in, 1)
        details = {"error": type(error).__name__, "retry_in": retry}
        self._run("failed", event, handler, seconds, details)

    def done(self, app: object, *, unhandled: bool = False, **about: Any) -> None:
        self._event("unhandled" if unhandled else "done", about, {})

    def dead(self, app: object, *, reason: str, **about: Any) -> None:
        self._event("dead", about, {"reason": reason})

    def _run(
        self,
        state: str,
        event: Event[Any],
        handler: str,
        seconds: float,
        more: dict[str, Any],
    ) -> None:
        about = {"event_id": event.id, "event_type": event.type, "tenant": event.tenant}
        self._event(
            state, about, {"handler": handler, "seconds": round(seconds, 3), **more}
        )

    def _event(self, state: str, about: dict[str, Any], details: dict[str, Any]) -> None:
        names = {
            "event": about["event_id"],
            "type": about["event_type"] or "(not understood)",
            "tenant": about["tenant"],
        }
        self._print(state, {**names, **details})

    def _print(self, state: str, details: dict[str, Any]) -> None:
        found = {name: each for name, each in details.items() if each is not None}
        if self._as_json:
            echo(json.dumps({"time": round(time.time(), 3), "state": state, **found}))
            return
        words = [time.strftime("%H:%M:%S"), f"{state:<9}", *map(_word, found.items())]
        echo("  ".join(words))

    def _counterpart(self, about: dict[str, Any]) -> dict[str, str]:
        """The customer of a message: the last digits of the telephone number."""
        stored = self._runtime.inbox.get(
            about["event_id"], endpoint=about["endpoint"], tenant=about["tenant"] or ""
        )
        try:
            data: Any = {} if stored is None else parse_event(stored.body).data
        except EventNotUnderstood:
            return {}
        field = "from" if "inbound" in (about["event_type"] or "") else "to"
        number = data.get(field) if isinstance(data, dict) else None
        if not isinstance(number, str) or not number.lstrip("+").isdecimal():
            return {}
        return {field: f"…{number[-_SHOWN_DIGITS:]}"}


def _word(detail: tuple[str, Any]) -> str:
    """A detail for a line, with its name if the value is not clear without it."""
    name, value = detail
    if name == "seconds":
        return f"{value:.3f} s"
    if name == "retry_in":
        return f"again in {value:g} s"
    return f"{name} {value}" if name in ("tenant", "from", "to") else str(value)
