"""Hanging handlers, SIGTERM and several processes, with real gunicorns over real HTTP."""

from __future__ import annotations

import pytest

from .processes import Sender, Site, bodies, post
from .support import body_of, eventually, id_of


def test_acknowledged_is_kept_when_handlers_hang(site: Site) -> None:
    """The answers come all the same, and after a kill -9 the events are handled."""
    server = site.serve("--workers", "2", "--threads", "4")
    server.hang_file.touch()
    sender, events = Sender(server.port), bodies(500)
    sender.send(events)
    assert len(sender.acknowledged) == 500
    eventually(lambda: len(server.runs()) >= 1)
    assert len(server.runs()) <= 2 * 4, "that many threads, each hanging at one"
    server.kill()
    server.hang_file.unlink()
    server.start()
    eventually(site.all_done, seconds=60)
    assert set(server.runs()) == sender.acknowledged


@pytest.mark.parametrize("options", [(), ("--preload",), ("--preload", "--threads", "2")])
def test_sigterm_lets_running_handlers_finish(site: Site, options: tuple[str, ...]) -> None:
    server = site.serve(*options, WORK="0.5")
    body = body_of()
    assert post(server.port, body)[0] == 200
    eventually(lambda: server.runs() == [id_of(body)])
    assert site.inbox.stats().running == 1
    assert server.terminate() == 0
    assert site.all_done()
    assert server.runs() == [id_of(body)], "it finished, and was not run again"


def test_two_processes_on_one_store_share_the_work_and_never_an_event(site: Site) -> None:
    server = site.serve("--workers", "2", "--threads", "2", WORK="0.01")
    sender, events = Sender(server.port), bodies(200)
    sender.send(events)
    eventually(site.all_done, seconds=60)
    assert sorted(server.runs()) == sorted(sender.acknowledged)
    assert len({pid for _, what, pid in server.notes() if what == "ran"}) == 2
