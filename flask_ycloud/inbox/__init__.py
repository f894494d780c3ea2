"""Where is an event kept? The store from which everything is accepted and handled."""

from . import heartbeats
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
from .rejections import Rejections, rejected
from .reports import (
    OUR_FAULTS,
    WRONG_PASSWORD,
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
