"""The server that runs this process: when it stops, and whether threads work in it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo

from ..timers import call_later

#: The first version of uWSGI that is known to run an app's threads without an option.
_RUNS_THREADS = (2, 0, 27)

#: Apache kills its child processes after so many seconds.
_APACHE_SECONDS = 3.0

_WORKER = "gunicorn.workers.base", "Worker"
_ARBITER = "gunicorn.arbiter", "Arbiter"
_worker: Any = None  # gunicorn's, once it was found

_BOOT_SECONDS = 60.0
_LOOK_SECONDS = 0.05


def gunicorn_worker() -> Any | None:
    """Gunicorn's worker in this process, or ``None``.

    Once it was found, it is known to all threads. A process that it forks is no worker.
    """
    global _worker
    kind = _class_of(*_WORKER)
    if isinstance(found := _gunicorn(), kind):
        _worker = found
    known = isinstance(_worker, kind)
    return _worker if known and _worker.pid == os.getpid() else None


def gunicorn_handles_sigterm() -> bool:
    """Whether SIGTERM is gunicorn's in this process. Uvicorn's worker does not take it."""
    return isinstance(_owner_of_sigterm(), _gunicorn_classes())


def gunicorn_may_start() -> bool:
    """Whether this process may become gunicorn's arbiter: its module is imported."""
    return "gunicorn.arbiter" in sys.modules and gunicorn_worker() is None


def _gunicorn() -> Any | None:
    """What of gunicorn runs this process: a worker, or the arbiter that starts workers.

    A module may import gunicorn in a process of another server, so the import says nothing.
    The arbiter loads the app before it handles signals, and the app may handle SIGTERM
    itself. Then they are found on the stack, where the worker is nearer than its arbiter.
    """
    kinds = _gunicorn_classes()
    if isinstance(owner := _owner_of_sigterm(), kinds):
        return owner
    frame = sys._getframe() if kinds else None
    while frame is not None:
        if isinstance(found := frame.f_locals.get("self"), kinds):
            return found
        frame = frame.f_back
    return None


def _gunicorn_classes() -> tuple[type, ...]:
    return _class_of(*_WORKER) + _class_of(*_ARBITER)


def _class_of(module: str, name: str) -> tuple[type, ...]:
    found = getattr(sys.modules.get(module), name, None)
    return () if found is None else (found,)


def told_to_stop() -> Callable[[], bool] | None:
    """A function that says whether the server is stopping; ``None`` if none can."""
    worker, server = gunicorn_worker(), _owner_of_sigterm()
    if worker is not None:  # uvicorn's worker creates its server later
        return lambda: not worker.alive or _exits(_owner_of_sigterm())
    return (lambda: _exits(server)) if hasattr(server, "should_exit") else None


def _exits(server: Any) -> bool:
    """Whether uvicorn's server exits."""
    return bool(getattr(server, "should_exit", False))


def _owner_of_sigterm() -> Any:
    return getattr(signal.getsignal(signal.SIGTERM), "__self__", None)


def is_a_command() -> bool:
    """Whether a command of ``flask`` that serves no requests loads the app."""
    context = click.get_current_context(silent=True)
    if context is None or context.info_name == "run":
        return False
    return isinstance(context.find_root().command, FlaskGroup)


def is_loading(app: Flask) -> bool:
    """Whether a command of ``flask`` loads the app now, or has loaded another one.

    In its body a command has loaded its app, and may serve it.
    """
    if not is_a_command():
        return False
    info = click.get_current_context().find_object(ScriptInfo)
    return getattr(info, "_loaded_app", None) is not app


def is_gunicorn_master() -> bool:
    """Whether this process only starts the ones that serve (``--preload``)."""
    return isinstance(_gunicorn(), _class_of(*_ARBITER))


def seconds_until_killed() -> float | None:
    """How long the server lets its process live after SIGTERM; ``None`` if unknown."""
    if _apache() is not None:
        return _APACHE_SECONDS
    worker = gunicorn_worker()
    if worker is None:
        return None
    limits = [worker.cfg.graceful_timeout, worker.cfg.timeout]  # 0 is no limit
    return min((float(each) for each in limits if each), default=None)


def when_it_serves(start: Callable[[], object]) -> None:
    """Call ``start`` once the app is loaded in a process that serves, if possible.

    Gunicorn's worker knows when it has loaded the app. With ``--preload`` the worker is
    another process than this one; with gevent it is then not possible. uWSGI calls a
    function after its fork.
    """
    if (uwsgi := _uwsgi()) is not None:
        if {"lazy-apps", "lazy"} & set(map(_text, uwsgi.opt)):
            return  # it has forked already, and does not say when the app is loaded
        _add_hook(uwsgi, "post_fork_hook", start)
    elif gunicorn_worker() is not None:
        _start_when_booted(start)
    elif gunicorn_may_start():
        os.register_at_fork(after_in_child=lambda: _start_in_child(start))


def _start_in_child(start: Callable[[], object]) -> None:
    if "gunicorn.workers.ggevent" not in sys.modules:  # it has not patched the process yet
        _start_when_booted(start)


def when_it_ends(end: Callable[[], object]) -> None:
    """Call ``end`` when the server ends this process, if it has a hook for that."""
    if (uwsgi := _uwsgi()) is not None:
        _add_hook(uwsgi, "atexit", end)
    subscribe = getattr(_apache(), "subscribe_shutdown", None)
    if subscribe is not None:
        subscribe(lambda *_, **__: end())


@dataclass(frozen=True)
class Trouble:
    """A problem with how this process is served, and what to do.

    :param threads_run: whether threads of the app run nevertheless.
    """

    text: str
    threads_run: bool = True


def can_start_threads() -> bool:
    """Whether threads that start in this process run, and are not lost by a fork."""
    return _uwsgi_without_threads() is None and not is_gunicorn_master()


def trouble(driver: str) -> Trouble | None:
    """The problem that threads of the app have in this process, if there is one.

    :param driver: SQLAlchemy's name of the driver of the inbox's database.
    """
    return _uwsgi_without_threads() or _sub_interpreter() or _driver_that_blocks(driver)


def _uwsgi_without_threads() -> Trouble | None:
    uwsgi = _uwsgi()
    if uwsgi is None or tuple(uwsgi.version_info[:3]) >= _RUNS_THREADS:
        return None
    if {"enable-threads", "threads"} & set(map(_text, uwsgi.opt)):
        return None
    return Trouble(
        f"uWSGI {_text(uwsgi.version)} runs the threads of an app only while it serves a"
        " request, so none is started. Start uWSGI with --enable-threads.",
        threads_run=False,
    )


def _uwsgi() -> Any | None:
    """uWSGI's own module, which exists only inside uWSGI."""
    uwsgi = sys.modules.get("uwsgi")
    return uwsgi if hasattr(uwsgi, "opt") else None


def _apache() -> Any | None:
    """mod_wsgi's own module. The package of that name can be imported anywhere."""
    module = sys.modules.get("mod_wsgi")
    return module if hasattr(module, "application_group") else None


def _sub_interpreter() -> Trouble | None:
    if not getattr(_apache(), "application_group", ""):
        return None
    return Trouble(
        "Apache runs the app in a sub-interpreter, where compiled packages may not work."
        " Set WSGIApplicationGroup %{GLOBAL}."
    )


def _driver_that_blocks(driver: str) -> Trouble | None:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("select"):
        return None
    waiting = sys.modules.get("psycopg.waiting")
    if driver == "psycopg" and waiting is not None:
        # psycopg chooses at its import, and the function in C blocks every greenlet.
        blocks = waiting.wait is getattr(waiting, "wait_c", None)
        remedy = "It was imported before gevent patched the process: leave out --preload."
    elif driver == "psycopg2":
        blocks = sys.modules["psycopg2.extensions"].get_wait_callback() is None
        remedy = "Call psycogreen.gevent.patch_psycopg(), or use psycopg 3."
    else:
        return None
    if not blocks:
        return None
    return Trouble(
        f"With gevent, the database driver {driver} stops the whole process while it waits,"
        f" so nothing listens for events of other processes. {remedy}"
    )


def _start_when_booted(start: Callable[[], object]) -> None:
    def wait() -> None:
        until = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < until:
            worker = gunicorn_worker()
            if worker is not None and worker.booted:
                start()
                return
            time.sleep(_LOOK_SECONDS)

    call_later(0, wait)  # if it does not start, the first request starts the handling


def _add_hook(module: Any, name: str, hook: Callable[[], object]) -> None:
    before = getattr(module, name, None)

    def both() -> None:
        hook()
        if callable(before):
            before()

    setattr(module, name, both)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
