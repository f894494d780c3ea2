"""Who handles the events of the inbox, and when. ``YCLOUD_DISPATCH`` chooses."""

from __future__ import annotations

from importlib import import_module

from ..errors import ConfigurationError
from ..runtime import Dispatcher, Runtime
from .inline import InlineDispatcher
from .manual import ManualDispatcher
from .worker import WorkerDispatcher

__all__ = [
    "InlineDispatcher",
    "ManualDispatcher",
    "WorkerDispatcher",
    "make_dispatcher",
    "prepare",
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
