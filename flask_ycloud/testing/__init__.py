"""For tests of apps: sample events, a fake YCloud that sends them, and a fake API."""

from ..handlers.isolation import isolated_handlers
from ..protocol import Answer, sample, variants
from ..settings import RETRY_DELAYS
from .api import FakeYCloudAPI
from .deliveries import Delivery
from .fake import FakeYCloud
from .samples import sample_event
from .sender import TIMEOUT_SECONDS
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
    "FakeYCloudAPI",
    "isolated_handlers",
    "sample",
    "sample_event",
    "variants",
]
