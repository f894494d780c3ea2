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
    from .charting import SPANS, Activity, Interval, Runs, Span, activity
    from .cipher import Cipher
    from .commits import NotStorable
    from .database import Database
    from .engine import open_engine
    from .receipts import Erasure, PersonEvents
    from .rejections import Rejections, rejected
    from .reports import (
        OUR_FAULTS,
        last_day,
        search,
        throughput,
        with_id,
    )
    from .rotation import Rotation, encrypt, has_plain, keys_in_use
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
            "SPANS": "charting",
            "Activity": "charting",
            "Interval": "charting",
            "Runs": "charting",
            "Span": "charting",
            "activity": "charting",
            "Cipher": "cipher",
            "Erasure": "receipts",
            "PersonEvents": "receipts",
            "Rotation": "rotation",
            "encrypt": "rotation",
            "has_plain": "rotation",
            "keys_in_use": "rotation",
            "NotStorable": "commits",
            "Database": "database",
            "open_engine": "engine",
            "Rejections": "rejections",
            "rejected": "rejections",
            "OUR_FAULTS": "reports",
            "last_day": "reports",
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
    "SPANS",
    "TABLES",
    "WRONG_PASSWORD",
    "Activity",
    "Arrival",
    "Attempt",
    "Cipher",
    "Claim",
    "Database",
    "DeadCause",
    "Erasure",
    "HandlerState",
    "Identity",
    "Inbox",
    "Interval",
    "NotStorable",
    "Pause",
    "PersonEvents",
    "Progress",
    "Rejections",
    "Report",
    "Rotation",
    "RunningHandler",
    "Runs",
    "SelectedEvents",
    "Selection",
    "Span",
    "Stats",
    "StoredEvent",
    "Transaction",
    "Verdict",
    "activity",
    "check_pattern",
    "encrypt",
    "has_plain",
    "heartbeats",
    "keys_in_use",
    "last_day",
    "open_engine",
    "rejected",
    "search",
    "throughput",
    "with_id",
]
