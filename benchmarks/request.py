"""A request, from the WSGI call to the response, in one process."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

from flask_ycloud.runtime import runtime_of

from .receivers import PATH, RECEIVERS, delivery, forget_tasks
from .rounds import compare, seconds_each


def caller(receiver: str) -> Callable[[], None]:
    """Return a function that sends a new delivery to the receiver and checks the answer."""
    app = RECEIVERS[receiver]()
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)

    def call() -> None:
        headers, body = delivery(receiver)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": PATH,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/json",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
        }
        for name, value in headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        b"".join(app.wsgi_app(environ, start_response))
        assert statuses.pop() == "200 OK"

    if receiver == "ours_worker":
        # Handling and accepting share one process, so wait for the handling, too.
        inbox = runtime_of(app).inbox

        def call_and_wait() -> None:
            call()
            while inbox.stats().pending > 100:
                pass

        return call_and_wait
    return call


def main(rounds: int = 15) -> None:
    callers = {name: caller(name) for name in RECEIVERS}
    making = {name: partial(delivery, name) for name in RECEIVERS}

    def seconds(name: str) -> float:
        # The time for creating the delivery does not count.
        return seconds_each(callers[name], at_least=0.2) - seconds_each(making[name])

    def cases(*names: str) -> dict[str, Callable[[], float]]:
        return {name: partial(seconds, name) for name in names}

    compare(
        "request-memory",
        "A request, with nothing kept",
        "time of one request",
        cases("by_hand", "bare", "by_svix", "by_slackeventsapi"),
        rounds=rounds,
    )
    compare(
        "request-durable",
        "A request, kept durably",
        "time of one request",
        cases(
            "by_hand_durable", "ours_inline", "ours_worker", "ours_manual", "ours_celery"
        ),
        rounds=rounds,
    )
    forget_tasks()


if __name__ == "__main__":
    main()
