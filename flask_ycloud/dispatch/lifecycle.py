"""Start and stop handling events in this process, for apps and servers."""

from __future__ import annotations

from flask import Flask

from ..runtime import Dispatcher, runtime_of
from . import servers
from .ending import this_process


def start(app: Flask) -> None:
    """Handle events in this process from now on, without waiting for a request.

    The first request of any kind does the same. Call it at the end of the module that a
    server loads, once all handlers are registered, so that due events are handled right
    after a restart. Under gunicorn and uWSGI this happens automatically.

    Only ``YCLOUD_DISPATCH="worker"`` has something to start. Calling it again does no harm.
    In a process that starts others, such as gunicorn's master with ``--preload``, it does
    nothing: the others start automatically. So it does nothing either if gunicorn is only
    imported and may start later, or while a command such as ``flask shell`` loads the app.
    Your own command that serves may call it.

    :param app: the app.
    :raises ConfigurationError: if the app has no endpoint, or its dispatch cannot be used.
    """
    runtime = runtime_of(app)
    if servers.is_loading(app):
        return
    this_process.listen()
    if not servers.gunicorn_may_start():
        runtime.dispatcher.start()


def stop(app: Flask) -> None:
    """Stop handling events in this process: drain.

    No more events are fetched. Running handlers have ``YCLOUD_DRAIN_SECONDS`` to finish.
    Then their events are released, and another process handles them. The function returns
    when that is done. Deliveries are still stored.

    A server's exit hook may call it. On SIGTERM, and when Python exits, it is called
    automatically if the server allows that: see the table in "Deploying".

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
