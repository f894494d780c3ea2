"""The commands: ``flask ycloud …``."""

from . import (
    acting,
    doctor,
    endpoints,
    events,
    listing,
    pausing,
    samples,
    signatures,
    work,
)
from .group import ycloud_cli

__all__ = [
    "acting",
    "doctor",
    "endpoints",
    "events",
    "listing",
    "pausing",
    "samples",
    "signatures",
    "work",
    "ycloud_cli",
]
