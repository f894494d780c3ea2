"""Who handles the events of the inbox, and when. ``YCLOUD_DISPATCH`` chooses."""

from __future__ import annotations

import logging
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, YCloudError, type_and_stack
from ..lazy import imported_on_use
from ..logs import log
from ..runtime import Dispatcher, Runtime
from . import servers
from .ending import this_process
from .lifecycle import start, stop, why_not_ready

if TYPE_CHECKING:
    from .inline import InlineDispatcher
    from .manual import ManualDispatcher
    from .worker import WorkerDispatcher
else:  # a type checker would accept any name
    __getattr__ = imported_on_use(
        __name__,
        {
            "InlineDispatcher": "inline",
            "ManualDispatcher": "manual",
            "WorkerDispatcher": "worker",
        },
    )

_logger = logging.getLogger(__name__)

__all__ = [
    "InlineDispatcher",
    "ManualDispatcher",
    "WorkerDispatcher",
    "make_dispatcher",
    "prepare",
    "start",
    "start_quietly",
    "stop",
    "why_not_ready",
]


def make_dispatcher(runtime: Runtime) -> Dispatcher:
    """The dispatcher that the app's settings name."""
    dispatch = runtime.dispatch
    if callable(dispatch):
        made: Dispatcher = dispatch(runtime)
        return made
    if dispatch == "celery":
        # Imported here, since Celery is optional. prepare() has checked for it.
        from .celery import CeleryDispatcher

        return CeleryDispatcher(runtime)
    if dispatch == "inline":
        from .inline import InlineDispatcher

        return InlineDispatcher(runtime)
    if dispatch == "manual":
        from .manual import ManualDispatcher

        return ManualDispatcher(runtime)
    from .worker import WorkerDispatcher

    return WorkerDispatcher(runtime, threads=runtime.settings.worker_threads)


def prepare(runtime: Runtime) -> None:
    """Prepare a process of an app, also one that serves no requests.

    :raises ConfigurationError: if a package that the dispatch needs is not installed.
    """
    if runtime.dispatch == "worker":
        this_process.listen()  # also in a command, which may be one that serves
    if not servers.is_a_command():
        import_module(".worker", __package__)  # so that no request waits for the import
        if runtime.dispatch == "worker":
            servers.when_it_serves(partial(start_quietly, runtime))
    if runtime.settings.dispatch == "celery":
        try:
            import_module(".celery", __package__)  # Celery knows its tasks from now on
        except ModuleNotFoundError as missing:
            raise ConfigurationError(
                f"YCLOUD_DISPATCH is 'celery', and the module {missing.name!r} is not"
                " installed: pip install 'flask-ycloud[celery]'."
            ) from None


def start_quietly(runtime: Runtime) -> None:
    """Start handling events. If that fails, log why: the request does not fail."""
    try:
        runtime.dispatcher.start()
    except Exception as error:
        if runtime.once("not started"):  # not at each request
            message = "Events are not handled, and deliveries are answered 503: %s"
            text = str(error) if isinstance(error, YCloudError) else type_and_stack(error)
            log(_logger, logging.ERROR, message, text)
