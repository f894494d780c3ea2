"""Where is an event kept? The store from which everything is accepted and handled."""

from . import heartbeats
from .causes import DeadCause
from .charting import SPANS, Activity, Interval, Runs, Span, activity
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
from .rejections import Rejections, rejected
from .reports import (
    OUR_FAULTS,
    WRONG_PASSWORD,
    last_day,
    search,
    throughput,
    with_id,
)
from .selected import Report, SelectedEvents
from .selections import Selection, check_pattern
from .store import Inbox
from .tables import TABLES
from .transactions import Transaction

__all__ = [
    "OUR_FAULTS",
    "SPANS",
    "TABLES",
    "WRONG_PASSWORD",
    "Activity",
    "Arrival",
    "Attempt",
    "Claim",
    "Database",
    "DeadCause",
    "HandlerState",
    "Identity",
    "Inbox",
    "Interval",
    "NotStorable",
    "Pause",
    "Progress",
    "Rejections",
    "Report",
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
    "heartbeats",
    "last_day",
    "open_engine",
    "rejected",
    "search",
    "throughput",
    "with_id",
]
