"""The inbox: the store of all events that are accepted and handled."""

from typing import TYPE_CHECKING

from ..lazy import imported_on_use
from .records import (
    CUT_SHORT,
    OUR_FAULTS,
    TAKEN_OVER,
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
    from .arrivals import Silence, newest_arrivals, silence
    from .causes import DeadCause
    from .charting import SPANS, Activity, Interval, Runs, Span, activity
    from .cipher import Cipher
    from .commits import NotStorable
    from .database import Database
    from .engine import open_engine
    from .indexing import index_some
    from .receipts import Erasure, PersonEvents
    from .rejections import Rejections, count_rejections, rejected
    from .reports import search, throughput, with_id
    from .rotation import Rotation, encrypt, has_plain, keys_in_use
    from .selected import Report, SelectedEvents
    from .selections import Selection, check_pattern
    from .store import Inbox
    from .tables import TABLES
    from .transactions import Transaction
    from .troubles import (
        Troubles,
        last_day,
        lately,
        recently,
        unhandled_types,
    )
else:  # not for type checkers: for them any name would exist
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
            "index_some": "indexing",
            "Rejections": "rejections",
            "rejected": "rejections",
            "last_day": "troubles",
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
            "Silence": "arrivals",
            "newest_arrivals": "arrivals",
            "silence": "arrivals",
            "count_rejections": "rejections",
            "Troubles": "troubles",
            "lately": "troubles",
            "recently": "troubles",
            "unhandled_types": "troubles",
        },
    )

__all__ = [
    "CUT_SHORT",
    "OUR_FAULTS",
    "SPANS",
    "TABLES",
    "TAKEN_OVER",
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
    "Silence",
    "Span",
    "Stats",
    "StoredEvent",
    "Transaction",
    "Troubles",
    "Verdict",
    "activity",
    "check_pattern",
    "count_rejections",
    "encrypt",
    "has_plain",
    "heartbeats",
    "index_some",
    "keys_in_use",
    "last_day",
    "lately",
    "newest_arrivals",
    "open_engine",
    "recently",
    "rejected",
    "search",
    "silence",
    "throughput",
    "unhandled_types",
    "with_id",
]
