"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What one check has shown.

    :param check: what was looked at, in a word.
    :param level: ``"good"``, ``"look"`` (at it some time), ``"bad"`` or ``"skipped"``.
    :param text: what was found.
    :param remedy: what to do about it.
    """

    check: str
    level: str
    text: str
    remedy: str = ""
