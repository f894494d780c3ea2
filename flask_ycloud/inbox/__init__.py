"""Where is an event kept? The store from which everything is accepted and handled."""

from . import heartbeats
from .arrivals import Silence, newest_arrivals, silence
from .commits import NotStorable
from .database import Database
from .engine import open_engine
from .records import (
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
from .rejections import Rejections, rejected
from .reports import (
    CUT_SHORT,
    OUR_FAULTS,
    TAKEN_OVER,
    WRONG_PASSWORD,
    Minute,
    last_day,
    last_hour,
    lately,
    recently,
    search,
    unhandled_types,
    with_id,
)
from .store import Inbox
from .tables import TABLES
from .transactions import Transaction

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
    "HandlerState",
    "Identity",
    "Inbox",
    "Minute",
    "NotStorable",
    "Progress",
    "Rejections",
    "RunningHandler",
    "Silence",
    "Stats",
    "StoredEvent",
    "Transaction",
    "Verdict",
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
    "unhandled_types",
    "with_id",
]
