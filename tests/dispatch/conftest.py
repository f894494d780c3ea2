"""Fixtures of the dispatch: a bench, a worker, and a site with Celery."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import event_dead, event_done, handler_failed, handler_succeeded

from ..conftest import Clock, MakeApp
from ..processes import Server, Site
from ..support import listening
from .support import Bench


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays to the second, for clocks that a test moves."""
    monkeypatch.setattr("flask_ycloud.dispatch.processing._JITTER", 0.0)


@pytest.fixture
def bench(no_jitter: None, make_app: MakeApp, inbox_url: str, clock: Clock) -> Bench:
    app = make_app(
        YCLOUD_INBOX_URL=inbox_url, YCLOUD_DISPATCH="manual", YCLOUD_RETRY_DELAYS=[10, 30]
    )
    return Bench(app, clock)


@pytest.fixture
def told() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What the signals of an event's life said."""
    with listening(handler_succeeded, handler_failed, event_done, event_dead) as heard:
        yield heard


@pytest.fixture
def worker_app(make_app: MakeApp, inbox_url: str) -> Flask:
    return make_app(
        YCLOUD_DISPATCH="worker", YCLOUD_INBOX_URL=inbox_url, YCLOUD_RETRY_DELAYS=[0.05]
    )


@pytest.fixture
def celery_site(
    tmp_path: Path, postgresql_url: str
) -> Iterator[Callable[..., tuple[Site, Server]]]:
    site = Site(tmp_path, postgresql_url)

    def serve(broker: str, **environ: str) -> tuple[Site, Server]:
        server = site.serve(
            "--workers", "2", "--threads", "4",
            FLASK_YCLOUD_DISPATCH="celery",
            BROKER=broker,
            QUEUE=f"ycloud-test-{uuid.uuid4().hex}",
            **environ,
        )  # fmt: skip
        return site, server

    yield serve
    site.close()
