"""Where is an event kept? The store from which everything is accepted and handled."""

from . import heartbeats
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
    OUR_FAULTS,
    WRONG_PASSWORD,
    Minute,
    last_day,
    last_hour,
    search,
    with_id,
)
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
