"""``"celery"``: the app's Celery workers handle events, on any number of machines."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from ..errors import ConfigurationError
from ..runtime import Runtime
from . import tasks

_HOW = """\
YCLOUD_DISPATCH is 'celery', and the app has no Celery at app.extensions['celery']. Set it
up as Flask's documentation shows (Background Tasks with Celery):

    celery_app = Celery(app.name, task_cls=FlaskTask)
    celery_app.config_from_object(app.config["CELERY"])
    celery_app.set_default()
    app.extensions["celery"] = celery_app"""


class CeleryDispatcher(tasks.TaskDispatcher):
    """Sends tasks with the Celery at ``app.extensions["celery"]``.

    :raises ConfigurationError: if there is none.
    """

    def __init__(self, runtime: Runtime) -> None:
        celery: Any = runtime.app.extensions.get("celery")
        if celery is None:
            raise ConfigurationError(_HOW)
        options: dict[str, Any] = {"retry": False}
        if runtime.settings.celery_queue is not None:
            options["queue"] = runtime.settings.celery_queue
        if runtime.settings.celery_priority is not None:
            options["priority"] = runtime.settings.celery_priority

        def send(event_id: str, seconds: float, **where: str) -> None:
            task = celery.tasks[handle.name]
            after: dict[str, Any] = {"kwargs": where, "countdown": seconds or None}
            task.apply_async((event_id,), **after, **options)

        super().__init__(send)


@shared_task(  # type: ignore[untyped-decorator]
    name="flask_ycloud.handle", acks_late=True, reject_on_worker_lost=True
)
def handle(
    event_id: str, *, endpoint: str | None = None, tenant: str | None = None
) -> None:
    """See :func:`flask_ycloud.dispatch.tasks.handle`."""
    tasks.handle(event_id, endpoint=endpoint, tenant=tenant)


@shared_task(name="flask_ycloud.sweep")  # type: ignore[untyped-decorator]
def sweep() -> int:
    """See :func:`flask_ycloud.dispatch.tasks.sweep`; for ``beat_schedule``."""
    return tasks.sweep()
