"""Start and stop the handling of events in this process, for apps and servers."""

from __future__ import annotations

from flask import Flask

from ..runtime import Dispatcher, runtime_of
from . import servers
from .ending import this_process


def start(app: Flask) -> None:
    """Handle events in this process from now on, without waiting for a request.

    The first request of any kind does the same. Call it at the end of the module that a
    server loads, once all handlers are registered, so that due events are handled right
    after a restart. Under gunicorn and uWSGI this happens by itself.

    Only ``YCLOUD_DISPATCH="worker"`` has something to start. Calling it again does no harm.
    In a process that only starts others (gunicorn's master with ``--preload``) it does
    nothing; the others start by themselves. Nor does it anything where a command such as
    ``flask shell`` loads the app.

    :param app: the app.
    :raises ConfigurationError: if the app has no endpoint, or its dispatch cannot be used.
    """
    runtime = runtime_of(app)
    if servers.is_a_command():
        return
    this_process.listen()
    runtime.dispatcher.start()


def stop(app: Flask) -> None:
    """Handle no more events in this process: drain.

    Nothing more is claimed. Handlers that run get ``YCLOUD_DRAIN_SECONDS`` to finish; then
    their events are given back, for another process. It returns when that is done. Accepted
    deliveries are stored all the same.

    A server's own hook for its end may call it. On SIGTERM, and when Python ends, it is
    called by itself, where the server allows that: see the table in "Deploying".

    :param app: the app.
    :raises ConfigurationError: if the app has no endpoint.
    """
    runtime_of(app).dispatcher.stop()


def why_not_ready(dispatcher: Dispatcher) -> str | None:
    """Why this process should get no deliveries now; ``None`` if it should."""
    from .worker import WorkerDispatcher  # here, since it needs SQLAlchemy

    if this_process.is_ending:
        return "this process ends"
    if isinstance(dispatcher, WorkerDispatcher) and not dispatcher.is_alive:
        return "no thread of this process handles events"
    return None
