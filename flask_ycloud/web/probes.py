"""Probes for load balancers and orchestrators: health and readiness."""

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

#: How many seconds a result of the inbox is cached: many systems may send probes.
_REUSED_SECONDS = 5.0


def health(**_: object) -> Response:
    """Answer 200: this process runs. It checks neither the database nor the backlog."""
    return _answer("ok", 200)


def ready(**_: object) -> Response:
    """Answer 200 if this process can take deliveries now, 503 if not.

    It can take them if the inbox can store them and the process is not stopping. If the
    process also handles events, its threads must run. Only the log says what is wrong.
    """
    runtime = runtime_of(current_app)
    reason = _readiness_of(runtime).why_not()
    return _answer("not ready", 503) if reason else _answer("ready", 200)


def _answer(status: str, code: int) -> Response:
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "5"} if code != 200 else {})
    body = json.dumps({"status": status})
    return Response(body, code, headers, mimetype="application/json")


class _Readiness:
    """The readiness of one app in this process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = weakref.ref(runtime)
        self._asked_at = float("-inf")
        self._unavailable: str | None = None
        self._told: str | None = None
        self.after_fork()
        tell_child(self)

    def after_fork(self) -> None:
        """Create a lock that no thread of the parent holds."""
        self._asking = threading.Lock()

    def why_not(self) -> str | None:
        """Return why the app is not ready, or ``None``. Changes are logged."""
        runtime = self._runtime()
        assert runtime is not None, "the request holds a reference"
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
        except Exception as error:  # the inbox or the dispatcher cannot be created
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
