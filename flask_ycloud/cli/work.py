"""Handle events: ``worker`` and ``sweep``."""

from __future__ import annotations

import signal
import threading

import click
from flask import current_app

from ..dispatch import WorkerDispatcher, tasks
from ..errors import YCloudError
from ..handlers import types_handled
from ..runtime import runtime_of
from .group import ycloud_cli

_NO_HANDLERS = """\
This process has no handlers, so every event would end unhandled. Import the module with
your @on_event functions where the app is made, which is {module!r}: for example
"import shop.handlers". Then look: flask ycloud doctor"""


@ycloud_cli.command()
@click.option("--threads", type=click.IntRange(1), help="Default: YCLOUD_WORKER_THREADS.")
@click.option("--once", is_flag=True, help="Handle what is due now, and end.")
def worker(threads: int | None, once: bool) -> None:
    """Handle events until SIGTERM or Ctrl-C; handlers that run may finish."""
    runtime = runtime_of(current_app)
    if not any(types_handled(*runtime.scopes(name)) for name in runtime.endpoints):
        raise click.ClickException(_NO_HANDLERS.format(module=current_app.import_name))
    working = WorkerDispatcher(runtime, threads=threads or runtime.settings.worker_threads)
    if once:
        click.echo(f"Handled {working.drain()} events.")
        return
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    working.start()
    click.echo("Handling events. Ctrl-C ends it.")
    while not stop.wait(1.0):
        working.start()  # threads that ended are replaced
    click.echo("Ending; handlers that run may finish.")
    working.stop()


@ycloud_cli.command()
def sweep() -> None:
    """Send again the tasks of events that are overdue: for Celery and other queues."""
    try:
        click.echo(f"Sent {tasks.sweep()} tasks.")
    except YCloudError:
        raise
    except Exception as error:  # each task queue has errors of its own
        name = type(error).__name__
        raise click.ClickException(f"The broker takes no tasks: {name}.") from None
