"""Who handles the events of the inbox, and when. ``YCLOUD_DISPATCH`` chooses."""

from __future__ import annotations

import logging
from functools import partial
from importlib import import_module

from ..errors import ConfigurationError, YCloudError, type_and_stack
from ..logs import log
from ..runtime import Dispatcher, Runtime
from . import servers
from .ending import this_process
from .inline import InlineDispatcher
from .lifecycle import start, stop, why_not_ready
from .manual import ManualDispatcher
from .worker import WorkerDispatcher

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
        # Here, since only some have it; prepare() has seen that it is there.
        from .celery import CeleryDispatcher

        return CeleryDispatcher(runtime)
    if dispatch == "inline":
        return InlineDispatcher(runtime)
    if dispatch == "manual":
        return ManualDispatcher(runtime)
    return WorkerDispatcher(runtime, threads=runtime.settings.worker_threads)


def prepare(runtime: Runtime) -> None:
    """Do what must be done in every process of an app, also one that serves nothing.

    :raises ConfigurationError: if a package that the dispatch needs is not installed.
    """
    if runtime.settings.dispatch == "celery":
        try:
            import_module(".celery", __package__)  # its tasks are known from then on
        except ModuleNotFoundError as missing:
            raise ConfigurationError(
                f"YCLOUD_DISPATCH is 'celery', and the module {missing.name!r} is not"
                " installed: pip install 'flask-ycloud[celery]'."
            ) from None
    if runtime.dispatch == "worker":
        this_process.listen()
        servers.when_it_serves(partial(start_quietly, runtime))


def start_quietly(runtime: Runtime) -> None:
    """Start the handling of events, and log why if that fails: no page fails for it."""
    try:
        runtime.dispatcher.start()
    except Exception as error:
        if runtime.once("not started"):  # it is the same at each request
            message = "Events are not handled, and deliveries are answered 503: %s"
            text = str(error) if isinstance(error, YCloudError) else type_and_stack(error)
            log(_logger, logging.ERROR, message, text)
