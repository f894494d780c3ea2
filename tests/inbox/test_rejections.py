"""Counts of rejected deliveries: few writes, and no data of the deliveries."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from flask_ycloud import InboxUnavailable
from flask_ycloud.inbox import Inbox, Rejections, rejected, rejections
from flask_ycloud.runtime import runtime_of

from ..support import PATH, SECRET, body_of, deliver, eventually


@pytest.fixture
def writes(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rejections each write has added."""
    counted: list[int] = []
    real = rejections.count_rejections

    def count(inbox: Inbox, counts: dict[tuple[str, str], int]) -> None:
        counted.append(sum(counts.values()))
        real(inbox, counts)

    monkeypatch.setattr(rejections, "count_rejections", count)
    return counted


def test_many_cost_one_write(
    inbox: Inbox, writes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejections, "WRITE_AFTER_SECONDS", 0.2)
    counting = Rejections(lambda: inbox)

    def flood() -> None:
        for _ in range(100):
            counting.count("ycloud", "missing")

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: rejected(inbox) == {("ycloud", "missing"): 400})
    assert len(writes) <= 2
    counting.count("ycloud", "stale")
    eventually(lambda: rejected(inbox).get(("ycloud", "stale")) == 1)


def test_nothing_is_lost_while_the_inbox_is_away(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counting = Rejections(lambda: inbox)

    def away(inbox: Inbox, counts: object) -> None:
        raise InboxUnavailable("away")

    counting.count("ycloud", "missing")
    with monkeypatch.context() as patch:
        patch.setattr(rejections, "count_rejections", away)
        counting.write()
    assert "Rejections were not counted yet: away" in caplog.text
    counting.count("ycloud", "missing")
    counting.write()
    counting.write()
    assert rejected(inbox) == {("ycloud", "missing"): 2}


def test_rejected_deliveries_are_counted_by_reason(app: Flask) -> None:
    client = app.test_client()
    client.post(PATH, data=b"{}")
    client.post(PATH, data=b"{}", headers={"YCloud-Signature": "x"})
    client.post(PATH, data=b"{}", headers={"YCloud-Signature": f"t=1,s={'0' * 64}"})
    client.get(PATH)
    deliver(app, body_of(), timestamp=1)
    runtime = runtime_of(app)
    runtime.rejections.write()
    assert rejected(runtime.inbox) == {
        ("ycloud", "malformed"): 1,
        ("ycloud", "method not allowed"): 1,
        ("ycloud", "mismatch"): 1,
        ("ycloud", "missing"): 1,
        ("ycloud", "stale"): 1,
    }
    assert SECRET not in repr(vars(runtime.rejections))
