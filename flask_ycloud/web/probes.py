"""What a load balancer or an orchestrator asks: is it alive, is it ready?"""

from __future__ import annotations

import json
import logging
import threading
import time
import weakref

from flask import Response, current_app

from ..dispatch import why_not_ready
from ..errors import InboxUnavailable
from ..forks import tell_child
from ..logs import log
from ..runtime import Runtime, runtime_of

_logger = logging.getLogger(__name__)

#: Seconds that an answer of the inbox is used again: probes come from many sides.
_REUSED_SECONDS = 5.0


def health(**_: object) -> Response:
    """``200``: this process answers. It says nothing of the database or a backlog."""
    return _answer("ok", 200)


def ready(**_: object) -> Response:
    """``200`` if this process can take deliveries now, ``503`` if not.

    It can if it can store them, and is not about to end; if it is to handle them, its
    threads must run. The log says what is wrong, a stranger is not told.
    """
    runtime = runtime_of(current_app)
    reason = _readiness_of(runtime).why_not()
    return _answer("not ready", 503) if reason else _answer("ready", 200)


def _answer(status: str, code: int) -> Response:
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "5"} if code != 200 else {})
    body = json.dumps({"status": status})
    return Response(body, code, headers, mimetype="application/json")


class _Readiness:
    """Of one app in this process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = weakref.ref(runtime)
        self._asked_at = float("-inf")
        self._unavailable: str | None = None
        self._told: str | None = None
        self.after_fork()
        tell_child(self)

    def after_fork(self) -> None:
        """Have a lock that no thread of the parent holds."""
        self._asking = threading.Lock()

    def why_not(self) -> str | None:
        """Why it is not ready; a change is logged."""
        runtime = self._runtime()
        assert runtime is not None, "the request has it"
        reason = self._why(runtime)
        if reason != self._told:
            self._told = reason
            if reason:
                log(_logger, logging.WARNING, "Not ready for deliveries: %s", reason)
            else:
                log(_logger, logging.INFO, "Ready for deliveries.")
        return reason

    def _why(self, runtime: Runtime) -> str | None:
        try:
            return why_not_ready(runtime.dispatcher) or self._why_not_stored(runtime)
        except Exception as error:  # the inbox or the dispatcher cannot be made
            return f"{type(error).__name__}: {error}"

    def _why_not_stored(self, runtime: Runtime) -> str | None:
        with self._asking:
            if time.monotonic() - self._asked_at >= _REUSED_SECONDS:
                self._unavailable = None
                try:
                    runtime.inbox.database.rehearse()
                except InboxUnavailable as error:
                    self._unavailable = str(error)
                self._asked_at = time.monotonic()
            return self._unavailable


_of_apps: weakref.WeakKeyDictionary[Runtime, _Readiness] = weakref.WeakKeyDictionary()


def _readiness_of(runtime: Runtime) -> _Readiness:
    return _of_apps.setdefault(runtime, _Readiness(runtime))
