"""Where is an event kept? The store from which everything is accepted and handled."""

from . import heartbeats
from .commits import Transaction
from .database import Database
from .engine import open_engine
from .records import Attempt, Claim, HandlerState, Stats, StoredEvent, Verdict
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
    "Rejections",
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
