"""Handling events with Huey. Start its worker: huey_consumer with_huey.huey

Huey's tasks are pickles, which could run code. So they are signed: give web and worker the
same HUEY_SECRET.
"""

import os

from flask import Flask
from huey import RedisHuey
from huey.serializer import SignedSerializer

from flask_ycloud import Event, on_event, ycloud_bp
from flask_ycloud.dispatch.tasks import TaskDispatcher, handle

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
huey = RedisHuey(
    os.environ.get("QUEUE", "ycloud"),
    url=REDIS_URL,
    serializer=SignedSerializer(secret=os.environ["HUEY_SECRET"]),
)


@huey.task()  # type: ignore[untyped-decorator]
def run(event_id: str, **where: str) -> None:
    with app.app_context():
        handle(event_id, **where)


def send(event_id: str, seconds: float, **where: str) -> None:
    run.schedule((event_id,), where, delay=seconds)


app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = "whsec_replace_me"
app.config["YCLOUD_DISPATCH"] = lambda runtime: TaskDispatcher(send)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)


@on_event("*")
def note(event: Event) -> None:
    print(f"handled {event.id}", flush=True)
