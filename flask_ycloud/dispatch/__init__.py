"""Who handles the events of the inbox, and when. ``YCLOUD_DISPATCH`` chooses."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click
from flask.cli import FlaskGroup

from ..errors import ConfigurationError
from ..lazy import imported_on_use
from ..runtime import Dispatcher, Runtime

if TYPE_CHECKING:
    from .inline import InlineDispatcher
    from .manual import ManualDispatcher
    from .worker import WorkerDispatcher
else:  # to a type checker it would give every name
    __getattr__ = imported_on_use(
        __name__,
        {
            "InlineDispatcher": "inline",
            "ManualDispatcher": "manual",
            "WorkerDispatcher": "worker",
        },
    )

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
        from .inline import InlineDispatcher

        return InlineDispatcher(runtime)
    if dispatch == "manual":
        from .manual import ManualDispatcher

        return ManualDispatcher(runtime)
    from .worker import WorkerDispatcher

    return WorkerDispatcher(runtime, threads=runtime.settings.worker_threads)


def prepare(runtime: Runtime) -> None:
    """Do what must be done in every process of an app, also one that serves nothing.

    :raises ConfigurationError: if a package that the dispatch needs is not installed.
    """
    if not _is_a_command():
        import_module(".worker", __package__)  # so that no request waits for it
    if runtime.settings.dispatch == "celery":
        try:
            import_module(".celery", __package__)  # its tasks are known from then on
        except ModuleNotFoundError as missing:
            raise ConfigurationError(
                f"YCLOUD_DISPATCH is 'celery', and the module {missing.name!r} is not"
                " installed: pip install 'flask-ycloud[celery]'."
            ) from None


def _is_a_command() -> bool:
    """Whether a command of ``flask`` loads the app, and it serves no requests."""
    context = click.get_current_context(silent=True)
    if context is None or context.info_name == "run":
        return False
    return isinstance(context.find_root().command, FlaskGroup)
