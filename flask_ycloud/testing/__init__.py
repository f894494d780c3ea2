"""For tests of apps that receive: sample events, and a YCloud that sends them."""

from ..protocol import Answer, sample, sample_event, variants
from ..settings import RETRY_DELAYS
from .deliveries import Delivery
from .fake import TIMEOUT_SECONDS, FakeYCloud
from .suspensions import (
    SUSPENDED_AFTER_FAILING_SECONDS,
    SUSPENDED_AFTER_FAILURES,
    SUSPENDED_SECONDS,
)

__all__ = [
    "RETRY_DELAYS",
    "SUSPENDED_AFTER_FAILING_SECONDS",
    "SUSPENDED_AFTER_FAILURES",
    "SUSPENDED_SECONDS",
    "TIMEOUT_SECONDS",
    "Answer",
    "Delivery",
    "FakeYCloud",
    "sample",
    "sample_event",
    "variants",
]
