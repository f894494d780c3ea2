"""Where is an event kept? The store from which everything is accepted and handled."""

from . import heartbeats
from .arrivals import Silence, newest_arrivals, silence
from .causes import DeadCause
from .commits import NotStorable
from .database import Database
from .engine import open_engine
from .records import (
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
from .rejections import Rejections, count_rejections, rejected
from .reports import (
    Minute,
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
from .troubles import (
    CUT_SHORT,
    OUR_FAULTS,
    TAKEN_OVER,
    WRONG_PASSWORD,
    Troubles,
    last_day,
    lately,
    recently,
    unhandled_types,
)

__all__ = [
    "CUT_SHORT",
    "OUR_FAULTS",
    "TABLES",
    "TAKEN_OVER",
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
    "Silence",
    "Stats",
    "StoredEvent",
    "Transaction",
    "Troubles",
    "Verdict",
    "check_pattern",
    "count_rejections",
    "heartbeats",
    "last_day",
    "last_hour",
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
