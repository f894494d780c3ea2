"""Where is an event kept? The store from which everything is accepted and handled."""

from . import heartbeats
from .cipher import Cipher
from .commits import NotStorable
from .database import Database
from .engine import open_engine
from .receipts import Erasure, PersonEvents
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
from .reports import OUR_FAULTS, Minute, last_day, last_hour, search, with_id
from .rotation import Rotation, encrypt, has_plain, keys_in_use
from .store import Inbox
from .tables import TABLES
from .transactions import Transaction

__all__ = [
    "OUR_FAULTS",
    "TABLES",
    "Arrival",
    "Attempt",
    "Cipher",
    "Claim",
    "Database",
    "Erasure",
    "HandlerState",
    "Identity",
    "Inbox",
    "Minute",
    "NotStorable",
    "PersonEvents",
    "Progress",
    "Rejections",
    "Rotation",
    "RunningHandler",
    "Stats",
    "StoredEvent",
    "Transaction",
    "Verdict",
    "encrypt",
    "has_plain",
    "heartbeats",
    "keys_in_use",
    "last_day",
    "last_hour",
    "open_engine",
    "rejected",
    "search",
    "with_id",
]
