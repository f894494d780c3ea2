"""Where is an event kept? The store from which everything is accepted and handled."""

from typing import TYPE_CHECKING

from ..lazy import imported_on_use
from .records import (
    WRONG_PASSWORD,
    Arrival,
    Attempt,
    Claim,
    HandlerState,
    Identity,
    Pause,
    Progress,
    RunningHandler,
    Stats,
    StoredEvent,
    Verdict,
)

if TYPE_CHECKING:
    from . import heartbeats
    from .causes import DeadCause
    from .commits import NotStorable
    from .database import Database
    from .engine import open_engine
    from .rejections import Rejections, rejected
    from .reports import (
        OUR_FAULTS,
        Minute,
        last_day,
        last_hour,
        search,
        throughput,
        with_id,
    )
    from .selected import Report, SelectedEvents
    from .selections import Selection, check_pattern
    from .store import Inbox
    from .tables import TABLES
    from .transactions import Transaction
else:  # to a type checker it would give every name
    __getattr__ = imported_on_use(
        __name__,
        {
            "DeadCause": "causes",
            "NotStorable": "commits",
            "Database": "database",
            "open_engine": "engine",
            "Rejections": "rejections",
            "rejected": "rejections",
            "OUR_FAULTS": "reports",
            "Minute": "reports",
            "last_day": "reports",
            "last_hour": "reports",
            "search": "reports",
            "throughput": "reports",
            "with_id": "reports",
            "Report": "selected",
            "SelectedEvents": "selected",
            "Selection": "selections",
            "check_pattern": "selections",
            "Inbox": "store",
            "TABLES": "tables",
            "Transaction": "transactions",
        },
    )

__all__ = [
    "OUR_FAULTS",
    "TABLES",
    "WRONG_PASSWORD",
    "Arrival",
    "Attempt",
    "Claim",
    "Database",
    "DeadCause",
    "HandlerState",
    "Identity",
    "Inbox",
    "Minute",
    "NotStorable",
    "Pause",
    "Progress",
    "Rejections",
    "Report",
    "RunningHandler",
    "SelectedEvents",
    "Selection",
    "Stats",
    "StoredEvent",
    "Transaction",
    "Verdict",
    "check_pattern",
    "heartbeats",
    "last_day",
    "last_hour",
    "open_engine",
    "rejected",
    "search",
    "throughput",
    "with_id",
]
