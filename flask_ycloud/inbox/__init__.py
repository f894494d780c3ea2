"""Where is an event kept? The store from which everything is accepted and handled."""

from . import heartbeats
from .commits import NotStorable, Transaction
from .database import Database
from .engine import open_engine
from .records import (
    Attempt,
    Claim,
    HandlerState,
    Progress,
    RunningHandler,
    Stats,
    StoredEvent,
    Verdict,
)
from .rejections import Rejections, rejected
from .reports import Minute, last_hour, search
from .store import Inbox

__all__ = [
    "Attempt",
    "Claim",
    "Database",
    "HandlerState",
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
    "last_hour",
    "open_engine",
    "rejected",
    "search",
]
