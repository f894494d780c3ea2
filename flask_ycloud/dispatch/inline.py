"""``"inline"``: an event is handled before its delivery is answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar

from ..errors import Discard, Retry
from ..inbox import Identity
from ..runtime import Runtime
from .processing import process

_MOST_OVERDUE = 10


class InlineDispatcher:
    """Handles in the thread of the request: for tests, and where no thread keeps running.

    As in production, handlers run outside the request's context.

    A request also handles a few other events that are due, such as retries. Between
    requests nothing runs. A scheduler can call ``flask ycloud worker --once``.

    Under ``app.testing`` the first error of a handler is raised in the test client, after
    its outcome was stored. ``Discard`` and ``Retry`` are not raised.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def start(self) -> None:
        """There is nothing to start."""

    def wake(self, event: Identity) -> None:
        """Handle that event now, then some that are overdue."""
        _raise_or_keep(self._handle(event) or (), self._runtime)
        for _ in range(_MOST_OVERDUE):
            if self._handle(None) is None:
                return

    def stop(self) -> None:
        """There is nothing to stop."""

    def _handle(self, event: Identity | None) -> list[BaseException] | None:
        claim = self._runtime.inbox.claim(event)
        if claim is None:
            return None
        return Context().run(process, self._runtime, claim).errors


_kept: ContextVar[list[BaseException] | None] = ContextVar("_kept", default=None)


@contextmanager
def errors_kept() -> Iterator[list[BaseException]]:
    """In a ``with`` block, collect errors that :class:`InlineDispatcher` would raise."""
    errors: list[BaseException] = []
    token = _kept.set(errors)
    try:
        yield errors
    finally:
        _kept.reset(token)


def real_errors(raised: Sequence[BaseException]) -> list[BaseException]:
    """Leave out ``Discard`` and ``Retry``, which a handler raises on purpose."""
    return [error for error in raised if not isinstance(error, (Discard, Retry))]


def _raise_or_keep(raised: Sequence[BaseException], runtime: Runtime) -> None:
    errors, kept = real_errors(raised), _kept.get()
    if not errors or not runtime.app.testing:
        return
    if kept is None:
        raise errors[0]
    kept += errors
