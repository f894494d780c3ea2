"""A new signing secret in the middle of load: nothing is refused, or nothing is lost."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from flask_ycloud.testing import FakeYCloud, sample_event

from ..processes import Site
from ..support import PATH, SECRET, eventually

NEW = "whsec_the_new_one"
TYPE = "contact.created"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A secret store: a file, replaced as a whole."""
    file = tmp_path / "secrets"
    file.write_text(SECRET)
    return file


def put(file: Path, *secrets: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text("\n".join(secrets))
    os.replace(fresh, file)


def test_no_delivery_is_refused(site: Site, secrets: Path) -> None:
    """The new secret beside the old, then YCloud uses it, then the old one goes."""
    server = site.serve("--workers", "2", "--threads", "4", SECRETS=str(secrets))
    ycloud = FakeYCloud(url=f"http://127.0.0.1:{server.port}{PATH}", secret=SECRET)
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            ycloud.send(TYPE)

    def more(count: int) -> None:
        enough = len(ycloud.deliveries) + count
        eventually(lambda: len(ycloud.deliveries) >= enough)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        more(50)
        put(secrets, SECRET, NEW)
        more(50)
        ycloud.rotate_secret(NEW)
        more(50)
        put(secrets, NEW)
        more(50)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(ycloud.deliveries) >= 200
    assert {delivery.status for delivery in ycloud.deliveries} == {200}
    eventually(site.all_done)
    sent = sorted(delivery.event["id"] for delivery in ycloud.deliveries)
    assert sorted(server.runs()) == sent


def test_no_delivery_is_lost(site: Site, secrets: Path) -> None:
    """YCloud uses the new secret before the app has it: what is refused comes again."""
    server = site.serve("--threads", "4", SECRETS=str(secrets))
    url = f"http://127.0.0.1:{server.port}{PATH}"
    ycloud = FakeYCloud(url=url, secret=SECRET, time_scale=0.02)
    new = ycloud.rotate_secret()
    events = [sample_event(TYPE) for _ in range(20)]
    sending = threading.Thread(target=ycloud.deliver, args=(events,))
    sending.start()
    eventually(lambda: [each for each in ycloud.deliveries if each.answers])
    put(secrets, new, SECRET)
    sending.join(30)
    statuses = [[a.status for a in each.answers] for each in ycloud.deliveries]
    assert [401, 200] in statuses
    assert all(each[-1] == 200 for each in statuses)
    eventually(site.all_done)
    assert sorted(server.runs()) == sorted(event["id"] for event in events)
