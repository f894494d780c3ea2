"""Handle events: ``worker`` and ``sweep``."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click
from flask import current_app

from ..errors import YCloudError
from ..forks import tell_child
from ..formats import counted
from ..handlers import types_handled
from ..runtime import runtime_of
from .group import ycloud_cli
from .output import echo

if TYPE_CHECKING:
    from ..dispatch import WorkerDispatcher

_NO_HANDLERS = """\
This process has no handlers, so every event would end unhandled. Import the module with
your @on_event functions where the app is created, in {module!r}: for example
"import shop.handlers". Then check it: flask ycloud doctor"""

_LEVELS = ["debug", "info", "warning", "error"]
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@ycloud_cli.command()
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="How many events are handled at once. Default: YCLOUD_WORKER_THREADS.",
)
@click.option("--once", is_flag=True, help="Handle the events that are due now, then end.")
@click.option(
    "--heartbeat",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Touch this file every second while the worker lives, and delete it at the end.",
)
@click.option(
    "--log-level",
    type=click.Choice(_LEVELS, case_sensitive=False),
    default="info",
    show_default=True,
    help="What this package logs, if the app has not configured logging.",
)
def worker(threads: int | None, once: bool, heartbeat: Path | None, log_level: str) -> None:
    """Handle events in this process, until SIGTERM or Ctrl-C.

    Running handlers then get YCLOUD_DRAIN_SECONDS to finish. A second Ctrl-C ends the
    wait. Unfinished events return to the queue, and another process handles them.

    \b
    Example:
      flask ycloud worker --threads 8 --heartbeat /tmp/worker
    """
    from ..dispatch import WorkerDispatcher  # here, since it needs SQLAlchemy

    runtime = runtime_of(current_app)
    if not any(types_handled(*runtime.scopes(name)) for name in runtime.endpoints):
        raise click.ClickException(_NO_HANDLERS.format(module=current_app.import_name))
    _log(log_level)
    working = WorkerDispatcher(runtime, threads=threads or runtime.settings.worker_threads)
    asked = _Asked()
    try:
        if once:
            echo(f"Handled {counted(working.handle_due(asked.is_set), 'event')}.")
        else:
            _work(working, asked, heartbeat)
    finally:
        asked.forget()


class _Asked(threading.Event):
    """Set by the first SIGTERM or Ctrl-C; the second one raises ``KeyboardInterrupt``."""

    def __init__(self) -> None:
        super().__init__()
        numbers = (signal.SIGTERM, signal.SIGINT)
        self._before = {each: signal.signal(each, self._ask) for each in numbers}
        self._times = 0
        tell_child(self)

    def after_fork(self) -> None:
        """A process that a handler forks handles signals as it did before."""
        self.forget()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._times += 1  # set() may be what this interrupts, so it is not called again
        if self._times > 1:
            raise KeyboardInterrupt
        self.set()

    def forget(self) -> None:
        """Handle the signals as before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _work(working: WorkerDispatcher, asked: _Asked, heartbeat: Path | None) -> None:
    working.start()
    echo("Handling events. Ctrl-C ends it.")
    try:
        while not asked.wait(1.0):
            working.start()  # threads that ended are replaced
            if heartbeat is not None and working.is_alive:
                heartbeat.touch()
        echo("Stopping. Running handlers may finish.")
        working.stop()
    except KeyboardInterrupt:
        working.hurry()
        working.stop()
        echo("Stopped. Events that were still running are back in the queue.")
    finally:
        if heartbeat is not None:
            with suppress(OSError):
                heartbeat.unlink()


def _log(level: str) -> None:
    if logging.getLogger().hasHandlers():
        return
    logging.basicConfig(format=_FORMAT)
    logging.getLogger("flask_ycloud").setLevel(level.upper())


@ycloud_cli.command()
def sweep() -> None:
    """Send the tasks of overdue events again, for Celery and other queues.

    \b
    Example:
      flask ycloud sweep
    """
    from ..dispatch import tasks

    try:
        echo(f"Sent {counted(tasks.sweep(), 'task')}.")
    except YCloudError:
        raise
    except Exception as error:  # each task queue has errors of its own
        name = type(error).__name__
        raise click.ClickException(f"The broker takes no tasks: {name}.") from None
