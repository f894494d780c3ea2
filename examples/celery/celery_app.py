"""Flask accepts the deliveries, and Celery handles the events.

    python examples/celery/start.py    # web, worker and beat on this machine

On several machines, give all of them the same FLASK_YCLOUD_INBOX_URL, on PostgreSQL.
"""

import os
from typing import Any

from celery import Celery, Task
from flask import Flask

from flask_ycloud import Event, on_event, ycloud_bp


def make_celery(app: Flask) -> Celery:
    """As in Flask's documentation, "Background Tasks with Celery"."""

    class FlaskTask(Task):  # type: ignore[misc]
        def __call__(self, *args: object, **kwargs: object) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    celery_app = Celery(app.name, task_cls=FlaskTask)
    celery_app.config_from_object(app.config["CELERY"])
    celery_app.set_default()
    app.extensions["celery"] = celery_app
    return celery_app


app = Flask(__name__)
app.config["YCLOUD_WEBHOOK_SECRET"] = "whsec_replace_me"
app.config["YCLOUD_DISPATCH"] = "celery"
app.config["CELERY"] = {
    "broker_url": os.environ.get("BROKER_URL", "redis://127.0.0.1:6379/0"),
    "task_default_queue": os.environ.get("QUEUE", "ycloud"),
    "task_ignore_result": True,
    "worker_prefetch_multiplier": 1,
    "beat_schedule": {"sweep": {"task": "flask_ycloud.sweep", "schedule": 60}},
}
app.config.from_prefixed_env()
celery_app = make_celery(app)
app.register_blueprint(ycloud_bp)


@on_event("*")
def note(event: Event) -> None:
    print(f"handled {event.type} {event.id}", flush=True)
