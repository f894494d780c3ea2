"""The commands: ``flask ycloud …``."""

from . import doctor, endpoints, events, keeping, person, samples, signatures, work
from .group import ycloud_cli

__all__ = [
    "doctor",
    "endpoints",
    "events",
    "keeping",
    "person",
    "samples",
    "signatures",
    "work",
    "ycloud_cli",
]
