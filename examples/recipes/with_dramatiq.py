"""Handling events with Dramatiq. Start its worker: dramatiq with_dramatiq"""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from flask import Flask

from flask_ycloud import Event, on_event, ycloud_bp
from flask_ycloud.dispatch.tasks import TaskDispatcher, handle

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
dramatiq.set_broker(RedisBroker(url=REDIS_URL))  # type: ignore[no-untyped-call]


@dramatiq.actor(queue_name=os.environ.get("QUEUE", "ycloud"), max_retries=0)
def run(event_id: str, **where: str) -> None:
    with app.app_context():
        handle(event_id, **where)


def send(event_id: str, seconds: float, **where: str) -> None:
    delay = int(seconds * 1000)
    run.send_with_options(args=(event_id,), kwargs=where, delay=delay)


app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = "whsec_replace_me"
app.config["YCLOUD_DISPATCH"] = lambda runtime: TaskDispatcher(send)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)


@on_event("*")
def note(event: Event) -> None:
    print(f"handled {event.id}", flush=True)
