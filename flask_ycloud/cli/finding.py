"""What the doctor finds, and what it examines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..runtime import Runtime

Level = Literal["ok", "warning", "error", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    :param about: the name of the check.
    :param level: ``"error"`` for what is broken, ``"warning"`` for what may become so,
        ``"ok"``, or ``"skipped"`` if it was not checked.
    :param text: what was found.
    :param remedy: what to do about it.
    """

    about: str
    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Subject:
    """What the doctor examines.

    :param runtime: the app's.
    :param tenants: which tenants, of the endpoints that have some.
    :param endpoint_id: the endpoint's id at YCloud, for a function ``secrets=``.
    """

    runtime: Runtime
    tenants: Sequence[str] = ()
    endpoint_id: str | None = None


Check = Callable[[Subject], Iterator[Finding]]


def ok(about: str, text: str) -> Finding:
    """Nothing is wrong."""
    return Finding(about, "ok", text)


def skipped(about: str, text: str, remedy: str = "") -> Finding:
    """It was not checked."""
    return Finding(about, "skipped", text, remedy)


def warning(about: str, text: str, remedy: str) -> Finding:
    """It works, but somebody should take care of it."""
    return Finding(about, "warning", text, remedy)


def error(about: str, text: str, remedy: str) -> Finding:
    """It is broken."""
    return Finding(about, "error", text, remedy)
