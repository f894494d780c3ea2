"""The doctor's check of the inbox's database."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import YCloudError
from ..runtime import Runtime
from .finding import Finding, Subject, error, ok, warning

if TYPE_CHECKING:
    from ..inbox import Database

_SLOW_WRITE = 0.1  # seconds

# What to do, by a part of the message. Servers may say it in another language.
_REMEDIES = (
    (
        "tables of version",
        "Install the version of flask-ycloud that created the tables, or a newer one.",
    ),
    ("locked", "Another program keeps the file locked. Let it commit, or end it."),
)
_OF_A_FILE = "Check that its folder exists, and that this user may write to it."
_OF_A_SERVER = (
    "Check that the server runs, that the database exists, and that user and password are"
    " right."
)


def inbox(subject: Subject) -> Iterator[Finding]:
    """The tables, who may read them, and how long a write takes.

    :raises InboxUnavailable: if it cannot be written.
    """
    database = subject.runtime.inbox.database
    version = database.init()
    yield ok("inbox", f"{database}, tables of version {version}.")
    if found := database.readable_by_others():
        text = f"Every user of this machine may read {' and '.join(found)}."
        yield warning("inbox", text, f"chmod o-rwx {found[0]}*")
    if settings := database.what_may_be_lost():
        text = (
            f"PostgreSQL has {' and '.join(settings)}: a crash of the server may lose the"
            " last acknowledged events."
        )
        remedy = "Set it to on. synchronous_commit can be set for the role or the database."
        yield warning("inbox", text, remedy)
    took = statistics.median(_writes(database))
    text = f"A durable write takes {1000 * took:.1f} ms."
    if took < _SLOW_WRITE:
        yield ok("inbox", text)
    else:
        remedy = "Each delivery waits for one. Is the disk slow, or the database far away?"
        yield warning("inbox", text, remedy)


def _writes(database: Database) -> Iterator[float]:
    """The seconds of some writes."""
    for _ in range(5):
        started = time.perf_counter()
        database.probe()
        yield time.perf_counter() - started


def away(runtime: Runtime, reason: YCloudError) -> Finding:
    """The finding that the inbox cannot be used, with its host, its name and the reason.

    :param reason: the error that was raised.
    """
    try:
        database = runtime.inbox.database
    except YCloudError as closed:  # it was not even opened
        return error("inbox", str(closed), "Correct YCLOUD_INBOX_URL.")
    remedy = _OF_A_FILE if database.dialect == "sqlite" else _OF_A_SERVER
    for part, known in _REMEDIES:
        if part in str(reason):
            remedy = known
    return error("inbox", f"{database}: {reason}", remedy)


def is_readable(runtime: Runtime) -> bool:
    """Whether the inbox can be read, at least."""
    try:
        return runtime.inbox.database.read(lambda tx: True)
    except YCloudError:
        return False
