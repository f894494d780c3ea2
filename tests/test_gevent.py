"""gunicorn with gevent: greenlets share one thread, so nobody may block it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .processes import Site, bodies, post
from .support import eventually

pytest.importorskip("gevent")


@pytest.mark.filterwarnings("ignore")
def test_a_handler_that_holds_the_connection_lets_deliveries_in(site: Site) -> None:
    """Each holds it for a while, and on SQLite all others wait for it."""
    notes = "CREATE TABLE notes (note TEXT PRIMARY KEY)"
    site.inbox.database.write(lambda tx: tx.exec_driver_sql(notes))
    server = site.serve("-k", "gevent", NOTES="1", HOLD="0.02")
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda body: post(server.port, body)[0], bodies(60)))
    assert statuses == [200] * 60
    assert time.monotonic() - started < 10
    eventually(site.all_done, seconds=30)
    assert len(server.runs()) == len(set(server.runs())) == 60
