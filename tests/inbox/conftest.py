"""Fixtures of the inbox: a database, and the inbox in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_ycloud.inbox import Database, Inbox, open_engine

from ..conftest import Clock


@pytest.fixture
def database(inbox_url: str) -> Iterator[Database]:
    engine = open_engine(inbox_url)
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def inbox(database: Database, clock: Clock) -> Inbox:
    return Inbox(database, clock=clock)
