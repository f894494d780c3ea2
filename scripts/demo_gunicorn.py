"""Gunicorn's settings for ``make demo``: they add a handler that fails twice."""

from typing import Any

from flask_ycloud import Event, on_event

workers = 2
threads = 4


def post_worker_init(worker: Any) -> None:
    @on_event("voice.message.updated", name="demo:shaky")
    def shaky(event: Event) -> None:
        if event.attempt < 3:
            raise ConnectionError("the service behind this handler is down")
