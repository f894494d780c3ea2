"""Who handles the events of the inbox, and when. ``YCLOUD_DISPATCH`` chooses."""

from __future__ import annotations

from ..runtime import Dispatcher, Runtime
from .inline import InlineDispatcher
from .manual import ManualDispatcher
from .worker import WorkerDispatcher


def make_dispatcher(runtime: Runtime) -> Dispatcher:
    """The dispatcher that the app's settings name."""
    if runtime.dispatch == "inline":
        return InlineDispatcher(runtime)
    if runtime.dispatch == "manual":
        return ManualDispatcher(runtime)
    return WorkerDispatcher(runtime, threads=runtime.settings.worker_threads)
