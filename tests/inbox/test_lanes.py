"""Tenants take turns: the backlog of one does not delay the events of others."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from flask_ycloud.inbox import Database, Inbox
from flask_ycloud.inbox import lanes as module

from ..conftest import Clock
from .support import DONE, accept
from .test_fairness import accept_many

MANY = 3_000


def fill(inbox: Inbox, tenant: str, many: int = MANY, endpoint: str = "ycloud") -> None:
    accept_many(inbox, f"{tenant}_", many, tenant=tenant, endpoint=endpoint)


def tenants(claims: list[Any]) -> Counter[str]:
    return Counter(claim.tenant for claim in claims)


def test_one_tenants_backlog_does_not_delay_anothers_first_event(inbox: Inbox) -> None:
    fill(inbox, "busy")
    inbox.fetch(64)
    accept(inbox, "first", tenant="other")
    claims = inbox.fetch(64)
    assert len(claims) == 64, "the rest of the batch goes to the tenant that has more"
    assert tenants(claims) == {"busy": 63, "other": 1}


def test_a_backlog_without_tenants_delays_none_of_a_tenant(inbox: Inbox) -> None:
    fill(inbox, "")
    accept(inbox, "first", tenant="other")
    assert "first" in [claim.id for claim in inbox.fetch(8)]


def test_two_backlogs_share(inbox: Inbox) -> None:
    for tenant in ("one", "two", "three"):
        fill(inbox, tenant, 100)
    found = tenants(inbox.fetch(30))
    assert found == {"one": 10, "two": 10, "three": 10}


def test_endpoints_without_tenants_take_no_turns(inbox: Inbox, clock: Clock) -> None:
    """Their events are claimed in the order in which they became due."""
    for number in range(12):
        clock.now += 1
        accept(inbox, f"evt_{number:02}", endpoint="one" if number % 4 else "two")
    found = [claim.id for _ in range(4) for claim in inbox.fetch(3)]
    assert found == [f"evt_{number:02}" for number in range(12)]


def test_many_tenants_take_turns(
    inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are more tenants than one fetch reads. The next fetch continues after them."""
    monkeypatch.setattr(module, "MOST_LANES", 4)
    names = [f"t{number:02}" for number in range(10)]
    for name in names:
        fill(inbox, name, 20)
    seen = [tenants(inbox.fetch(4)) for _ in range(5)]
    assert [len(each) for each in seen] == [4] * 5
    assert set().union(*seen) == set(names), "each had a turn within three fetches"
    assert sum(seen, Counter()).most_common(1)[0][1] == 2


def test_with_slow_handlers_they_take_turns_one_by_one(inbox: Inbox) -> None:
    """A process whose threads are busy fetches one at a time."""
    for tenant in ("big", "bigger"):
        fill(inbox, tenant, 50)
    inbox.fetch(1)
    accept(inbox, "small", tenant="small")
    found = [inbox.fetch(1)[0] for _ in range(6)]
    assert "small" in [claim.id for claim in found[:3]]
    assert tenants(found) in ({"big": 3, "bigger": 2, "small": 1},
                              {"big": 2, "bigger": 3, "small": 1})  # fmt: skip


def test_retries_of_one_do_not_push_another_out(inbox: Inbox, clock: Clock) -> None:
    fill(inbox, "a", 40)
    accept_many(inbox, "late", 40, tenant="a", due_at=clock.now)
    fill(inbox, "b", 40)
    clock.now += 1
    accept(inbox, "first", tenant="c")
    assert "first" in [claim.id for claim in inbox.fetch(8)]


def test_tenants_whose_events_are_not_due_hide_nobody(
    inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are more such tenants than one fetch reads."""
    monkeypatch.setattr(module, "MOST_LANES", 4)
    for number in range(18):
        later = clock.now + 3600
        accept_many(inbox, f"t{number:02}_", 1, tenant=f"t{number:02}", due_at=later)
    for tenant in ("t09x", "zz", "a"):
        accept(inbox, f"due {tenant}", tenant=tenant)
        assert [claim.id for claim in inbox.fetch(8)] == [f"due {tenant}"]
    assert inbox.fetch(8) == []


def test_only_so_many_turns_are_remembered(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_KNOWN", 2)
    for tenant in ("a", "b", "c"):
        fill(inbox, tenant, 4)
    found = tenants([inbox.fetch(1)[0] for _ in range(12)])
    assert found == {"a": 4, "b": 4, "c": 4}
    assert len(inbox._lanes._turns) == 2


def test_all_are_handled_whoever_has_more(inbox: Inbox) -> None:
    sizes = {"": 7, "a": 1, "b": 40, "c": 13, "d": 2}
    for tenant, size in sizes.items():
        fill(inbox, tenant, size)
    found: Counter[str] = Counter()
    while claims := inbox.fetch(16):
        assert len(claims) == min(16, 63 - found.total())
        found += tenants(claims)
        for claim in claims:
            inbox.save(claim, None, DONE)
    assert found == sizes


def test_what_waits_in_its_conversation_takes_no_turn(inbox: Inbox) -> None:
    for tenant in ("a", "b"):
        for number in range(5):
            accept(inbox, f"{tenant}{number}", key=f"{tenant} key", tenant=tenant)
    claims = inbox.fetch(8)
    assert sorted(claim.id for claim in claims) == ["a0", "b0"]
    assert inbox.fetch(8) == []
    inbox.save(claims[0], None, DONE)
    assert [claim.id for claim in inbox.fetch(8)] == ["a1"]


def test_an_endpoint_that_served_many_is_looked_at_from_time_to_time(
    database: Database, clock: Clock
) -> None:
    """Its path has no tenant any more. Stored events of tenants are still handled."""
    inbox = Inbox(
        database, clock=clock, endpoints=lambda: ["ycloud"], serves_many=lambda _: False
    )
    assert inbox.fetch(8) == []
    accept(inbox, "late", tenant="removed")
    assert inbox.fetch(8) == []
    clock.now += 31
    assert [claim.id for claim in inbox.fetch(8)] == ["late"]


def test_the_tenants_of_an_endpoint_that_is_not_here_are_left_alone(
    database: Database, clock: Clock
) -> None:
    ours = Inbox(database, clock=clock, endpoints=lambda: ["ours"])
    fill(ours, "acme", 3, endpoint="theirs")
    fill(ours, "acme2", 3, endpoint="ours")
    assert tenants(ours.fetch(8)) == {"acme2": 3}
