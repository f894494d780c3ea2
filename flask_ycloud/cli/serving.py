"""The app in this process, for deliveries to one of its endpoints only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from ..runtime import Runtime
from ..signing_secrets import Secrets
from .places import Place

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_ELSEWHERE = """\
flask ycloud listen serves POST {path} only, since others can reach it through your tunnel.
For the pages of the app start flask run --port 5001 beside it.
"""
_POLL_SECONDS = 0.05


def bind(app: Flask, port: int, path: str) -> BaseWSGIServer:
    """Bind a server to its port. It does not answer yet, so connections wait.

    :param port: 0 for a free one.
    :param path: the one path that it serves.
    """
    return make_server(
        "127.0.0.1", port, only(app, path), threaded=True, request_handler=_Quiet
    )


def only(app: Flask, path: str) -> WSGIApplication:
    """The app, with a 404 for every other path."""
    elsewhere = Response(_ELSEWHERE.format(path=path), 404, mimetype="text/plain")

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        is_webhook = environ.get("PATH_INFO", "").rstrip("/") == path.rstrip("/")
        return (app if is_webhook else elsewhere)(environ, start_response)

    return serve


@contextmanager
def serving(server: BaseWSGIServer) -> Iterator[Callable[[], None]]:
    """Give a function that starts the server in a thread. It stops when the block ends."""
    thread = threading.Thread(
        target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True
    )
    try:
        yield thread.start
    finally:
        if thread.is_alive():
            server.shutdown()
            thread.join()
        server.server_close()


@contextmanager
def handling_here(runtime: Runtime) -> Iterator[None]:
    """Handle events in threads of this process, until the block ends."""
    from ..dispatch import WorkerDispatcher

    threads = runtime.settings.worker_threads
    runtime.dispatch_with(lambda runtime: WorkerDispatcher(runtime, threads=threads))
    try:
        yield
    finally:
        runtime.dispatcher.stop()


def use_secret(runtime: Runtime, place: Place, secret: str) -> None:
    """Verify deliveries at a place with this secret, in this process only."""

    def lookup(tenant: str | None, endpoint_id: str | None) -> str | None:
        return secret if tenant == place.tenant else None

    endpoint = runtime.endpoints[place.endpoint]
    own = Secrets(lookup, what="flask ycloud listen")
    runtime.endpoints[place.endpoint] = replace(endpoint, secrets=own)


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no request: listen shows what arrives."""
