"""Webhook endpoints that ``listen`` creates at YCloud for as long as it runs.

Each run has a file in the instance folder, which it locks while it lives. The file names
the endpoint by its description and URL, and has no secret. A run that was killed leaves its
file without a lock, and the next one deletes the endpoint.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import APIError, ConfigurationError, YCloudError
from .output import echo

if TYPE_CHECKING:
    from ..api import WebhookEndpoint, WebhookEndpoints

_FILES = "ycloud-listen-*.db"
_DAY = 86_400
#: How long the file of a run is kept if its endpoint is not found. The endpoint may be in
#: another account, and a later run may have that account's API key.
_KEPT_SECONDS = 30 * _DAY
_NEW_SECONDS = 60  # a file without content may belong to a run that is starting


@dataclass(frozen=True)
class Run:
    """A run of ``listen``, with the lock on its file.

    :param description: of its endpoint. It is random, so no other endpoint has it.
    :param url: of its endpoint.
    """

    path: Path
    lock: sqlite3.Connection
    description: str
    url: str

    def is_of(self, endpoint: WebhookEndpoint) -> bool:
        """Whether it has created this endpoint, and nobody has changed it since."""
        return (endpoint.description, endpoint.url) == (self.description, self.url)

    def forget(self) -> None:
        """Remove its file: nothing is left of it at YCloud."""
        self.lock.close()
        _remove(self.path)


@contextmanager
def temporary_endpoint(
    api: WebhookEndpoints,
    folder: Path,
    url: str,
    events: Sequence[str],
    properties: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[WebhookEndpoint]:
    """An endpoint at YCloud, deleted at the end.

    :param folder: where the file of the run is kept.
    :raises APIError: if YCloud refuses.
    :raises APIUnreachable: if there is no answer.
    :raises ConfigurationError: if the folder cannot be written.
    """
    run = _start(folder, url)
    try:
        try:
            made = api.create(
                url, events, event_properties=properties, description=run.description
            )
        except YCloudError as error:
            if getattr(error, "maybe_done", True):
                _delete(api, run)
            else:
                run.forget()
            raise
        try:
            yield made
        finally:
            _delete(api, run, made)
    finally:
        run.lock.close()


def delete_leftovers(api: WebhookEndpoints, folder: Path) -> None:
    """Delete the endpoints of earlier runs that were killed.

    :raises APIError: if YCloud refuses.
    :raises APIUnreachable: if there is no answer.
    """
    runs = list(_ended(folder))
    try:
        for endpoint in list(api.list()) if runs else ():
            for run in runs:
                if run.is_of(endpoint):
                    _delete_there(api, endpoint.id)
                    run.forget()
                    echo(f"Deleted {endpoint.id}, left by an earlier run.", err=True)
        for run in runs:
            if run.path.exists() and _age(run.path) > _KEPT_SECONDS:
                run.forget()
    finally:
        for run in runs:
            run.lock.close()


def _start(folder: Path, url: str) -> Run:
    token = secrets.token_hex(8)
    path = folder / _FILES.replace("*", token)
    run = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        description = f"flask ycloud listen, temporary: {token}"
        run = Run(path, _open(path), description, url)
        run.lock.execute("CREATE TABLE run (description TEXT, url TEXT)")
        run.lock.execute("INSERT INTO run VALUES (?, ?)", (description, url))
        run.lock.execute("COMMIT")  # the lock stays
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            f"The instance folder {folder} cannot be written: {error}. listen keeps a file"
            " there, by which the next run deletes what this one may leave behind."
        ) from None
    return run


def _open(path: Path) -> sqlite3.Connection:
    """Open a file, with a lock that ends with the connection or the process."""
    lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("PRAGMA locking_mode = EXCLUSIVE")
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        lock.close()
        raise
    return lock


def _ended(folder: Path) -> Iterator[Run]:
    """The runs whose process has ended, each locked."""
    for path in sorted(folder.glob(_FILES)):
        with suppress(sqlite3.Error):  # it is locked, or it is another file
            lock = _open(path)
            try:
                description, url = lock.execute("SELECT * FROM run").fetchone()
            except sqlite3.OperationalError:  # it was killed before it created anything
                lock.close()
                if _age(path) > _NEW_SECONDS:
                    _remove(path)
                continue
            yield Run(path, lock, description, url)


def _remove(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}-journal")):
        each.unlink(missing_ok=True)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _delete(
    api: WebhookEndpoints, run: Run, endpoint: WebhookEndpoint | None = None
) -> None:
    """Delete what a run has created. If that fails, say so; its file stays.

    :param endpoint: what it has created, if that is known.
    """
    found = [] if endpoint is None else [endpoint]
    try:
        if endpoint is None:
            found = [each for each in api.list() if run.is_of(each)]
        for each in found:
            _delete_there(api, each.id)
    except YCloudError as error:
        name = "the endpoint" if endpoint is None else endpoint.id
        echo(
            f"YCloud did not delete {name}: {error} The next run of flask ycloud listen"
            " tries it again.",
            err=True,
        )
        return
    if found:
        run.forget()


def _delete_there(api: WebhookEndpoints, endpoint_id: str) -> None:
    try:
        api.delete(endpoint_id)
    except APIError as error:
        if error.status != 404:
            raise
