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
    Progress,
    RunningHandler,
    Stats,
    StoredEvent,
    Verdict,
)

if TYPE_CHECKING:
    from . import heartbeats
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
        with_id,
    )
    from .store import Inbox
    from .tables import TABLES
    from .transactions import Transaction
else:  # to a type checker it would give every name
    __getattr__ = imported_on_use(
        __name__,
        {
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
            "with_id": "reports",
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
    "HandlerState",
    "Identity",
    "Inbox",
    "Minute",
    "NotStorable",
    "Progress",
    "Rejections",
    "RunningHandler",
    "Stats",
    "StoredEvent",
    "Transaction",
    "Verdict",
    "heartbeats",
    "last_day",
    "last_hour",
    "open_engine",
    "rejected",
    "search",
    "with_id",
]
