"""The query plans: none of them reads the events that are done."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from flask_ycloud.inbox import Inbox, Selection, arrivals, queries, troubles
from flask_ycloud.inbox.selections import newest
from flask_ycloud.inbox.tables import IS_HELD, events

from .support import accept


def listed(**narrow: Any) -> sa.Select[Any]:
    return newest(Selection(**narrow)).limit(9)


PLANS = {
    "next endpoint": (queries.NEXT_ENDPOINT, "ix_ycloud_events_due"),
    "unsettled": (queries.COUNTS[0], "ix_ycloud_events_"),
    "parked": (queries.COUNTS[1], "ix_ycloud_events_parked"),
    "dead": (queries.COUNTS[2], "ix_ycloud_events_dead"),
    "unhandled": (queries.UNHANDLED_COUNT, "ix_ycloud_events_unhandled"),
    "running": (queries.LONGEST_RUNNING, "x_ycloud_events_"),
    "keys": (queries.PARKED_KEYS, "ix_ycloud_events_parked"),
    "old": (queries.OLD_WITH_BODY, "ix_ycloud_events_done"),
    "old without a body": (queries.OLD_EMPTIED, "ix_ycloud_events_ended"),
    "old dead letters": (queries.OLD_DEAD, "ix_ycloud_events_"),
    "old deleted": (queries.OLD_DELETED, "ix_ycloud_events_ended"),
    "overdue": (queries.OVERDUE, "ix_ycloud_events_due"),
    "due since": (queries.DUE_SINCE, "ix_ycloud_events_due"),
    "newest arrival": (arrivals.LAST_BEFORE, "ix_ycloud_events_arrivals"),
    "first arrival": (arrivals.FIRST_FROM, "ix_ycloud_events_arrivals"),
    "unhandled types": (troubles.UNHANDLED_TYPES, "ix_ycloud_events_unhandled"),
    "follower": (queries.FOLLOWER, "ix_ycloud_events_"),
    "discarded": (queries.DISCARDED_COUNT, "ix_ycloud_events_discarded"),
    "old discarded": (queries.OLD_DISCARDED, "ix_ycloud_events_discarded"),
    "waiting": (queries.WAITING[0], "ix_ycloud_events_"),
    "waiting in line": (queries.WAITING[1], "ix_ycloud_events_parked"),
    "ahead": (queries.AHEAD, "x_ycloud_events_"),
    "held": (sa.select(events.c.seq).where(IS_HELD).limit(1), "ix_ycloud_events_held"),
    "list of dead": (listed(state="dead"), "ix_ycloud_events_dead"),
    "list of pending": (listed(state="pending"), "ix_ycloud_events_due"),
    "list of running": (listed(state="running"), "x_ycloud_events_"),
    "list of discarded": (listed(state="discarded"), "ix_ycloud_events_discarded"),
    "list of unhandled": (listed(unhandled=True), "ix_ycloud_events_unhandled"),
    "list of ids": (listed(ids=("a", "b")), "ux_ycloud_events_identity"),
    "list of failed": (listed(state="dead", handler="h"), "ix_ycloud_events_dead"),
    "list of an error": (listed(state="dead", error="e"), "ix_ycloud_events_dead"),
}


@pytest.mark.parametrize("query", PLANS)
def test_no_look_meets_the_events_that_are_done(inbox: Inbox, query: str) -> None:
    """The plans with 20,000 done events: partial indexes, which do not contain these."""
    inbox.stats()
    fill = (
        "INSERT INTO ycloud_events (id, endpoint, received_at, state, settled_at, attempt,"
        " crashes, body) SELECT 'evt_' || n, 'e', n, 'done', n, 1, 0, '' FROM ({}) AS many"
    )
    numbers = "SELECT generate_series(1, 20000) AS n"
    if inbox.database.dialect == "sqlite":
        numbers = (
            "WITH RECURSIVE s(n) AS"
            " (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) SELECT n FROM s"
        )
    inbox.database.write(lambda tx: tx.exec_driver_sql(fill.format(numbers)))
    inbox.database.write(lambda tx: tx.exec_driver_sql("ANALYZE"))
    accept(inbox, "evt_pending")
    statement, index = PLANS[query]
    values = {
        "now_": 1e9,
        "then_": 5.0,
        "known_": 5.0,
        "key_": "k",
        "after_": "",
        "endpoint_": "e",
        "seq_": 9,
    }
    names = statement.compile().params
    statement = statement.params({each: values[each] for each in names if each in values})

    def explain(tx: sa.Connection) -> str:
        # As it is executed, with parameters: a plan must not need their values.
        compiled = statement.compile(
            dialect=tx.dialect, compile_kwargs={"render_postcompile": True}
        )
        how = "EXPLAIN QUERY PLAN" if tx.dialect.name == "sqlite" else "EXPLAIN"
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        ran = tx.execute(sa.text(f"{how} {_named(compiled)}"), compiled.construct_params())
        return "\n".join(str(row[3] if how.endswith("PLAN") else row[0]) for row in ran)

    plan = inbox.database.write(explain)
    assert index in plan, plan
    if inbox.database.dialect == "sqlite":
        assert "SCAN other" not in plan
        assert "SCAN ycloud_events\n" not in f"{plan}\n"
    else:
        assert "Seq Scan on ycloud_events" not in plan, plan


def _named(compiled: Any) -> str:
    """The statement with its parameters in the form that ``text`` takes."""
    text = str(compiled)
    if compiled.positional:
        for name in compiled.positiontup:
            text = text.replace("?", f":{name}", 1)
        return text
    return re.sub(r"%\((\w+)\)s(?:::(?:VARCHAR|INTEGER)(?:\(\d+\))?)?", r":\1", text)
