"""Handling events with RQ. Its tasks are JSON, since a pickle could run code.

Start its worker:
rq worker --with-scheduler -c with_rq -S rq.serializers.JSONSerializer ycloud
"""

import os
from datetime import timedelta

from flask import Flask
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from flask_ycloud import Event, on_event, ycloud_bp
from flask_ycloud.dispatch.tasks import TaskDispatcher, handle

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
queue = Queue(
    os.environ.get("QUEUE", "ycloud"),
    connection=Redis.from_url(REDIS_URL),
    serializer=JSONSerializer,
)


def send(event_id: str, seconds: float, **where: str) -> None:
    if seconds:
        queue.enqueue_in(timedelta(seconds=seconds), run, event_id, **where)
    else:
        queue.enqueue(run, event_id, **where)


def run(event_id: str, **where: str) -> None:
    with app.app_context():
        handle(event_id, **where)


app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = "whsec_replace_me"
app.config["YCLOUD_DISPATCH"] = lambda runtime: TaskDispatcher(send)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)


@on_event("*")
def note(event: Event) -> None:
    print(f"handled {event.id}", flush=True)
