"""Who did what to which events, in the log."""

from __future__ import annotations

import getpass
import logging
from collections.abc import Iterator

import pytest

from flask_ycloud.actions import log_action, os_user
from flask_ycloud.inbox import Identity


@pytest.fixture(autouse=True)
def _at_info(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, logger="flask_ycloud.actions"):
        yield


def test_a_record_names_who_what_how_and_which(caplog: pytest.LogCaptureFixture) -> None:
    some = [Identity("evt_1", "ycloud"), Identity("evt_2", "hooks", "acme")]
    log_action("ann", "replay", some, address="192.0.2.1", succeeded_too=False, left_out=0)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("flask_ycloud.actions", "INFO")
    assert record.getMessage() == (
        "ann: replay of 2 events, address 192.0.2.1, left_out 0: evt_1 (endpoint 'ycloud'),"
        " evt_2 (endpoint 'hooks', tenant 'acme')"
    )
    assert vars(record)["actor"] == "ann"
    assert vars(record)["action"] == "replay"
    assert vars(record)["count"] == 2
    assert vars(record)["events"][0] == "evt_1 (endpoint 'ycloud')"


def test_many_events_are_counted_and_some_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_action("ann", "delete", (Identity(f"evt_{n}", "x") for n in range(10_000)))
    (record,) = caplog.records
    assert record.getMessage().startswith("ann: delete of 10,000 events: evt_0 (endpoint")
    assert record.getMessage().endswith("evt_29 (endpoint 'x'), 9,970 more")
    assert len(record.getMessage()) < 1_500


def test_events_that_are_only_counted(caplog: pytest.LogCaptureFixture) -> None:
    log_action("ann", "prune", count=1, days=3)
    assert caplog.records[0].getMessage() == "ann: prune of 1 event, days 3"


def test_nobody_forges_a_line_with_a_name(caplog: pytest.LogCaptureFixture) -> None:
    name = "ann\nroot: delete of 9 events\x1b[2J\u202e" + "x" * 5_000
    log_action(name, "replay", [Identity("evt_\n1", "x")], address="a\nb")
    text = caplog.records[0].getMessage()
    assert text.startswith("ann\\nroot: delete of 9 events\\x1b[2J\\u202exxx")
    assert text.isprintable()
    assert len(text) < 300
    log_action("", "replay")
    assert caplog.records[1].getMessage() == "somebody: replay of 0 events"


def test_who_runs_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    assert os_user() == "ann"

    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 1001")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert os_user() == "the operating system's user"
