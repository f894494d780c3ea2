"""The commands: ``flask ycloud …``."""

from . import backups, doctor, endpoints, events, samples, signatures, work
from .group import ycloud_cli

__all__ = [
    "backups",
    "doctor",
    "endpoints",
    "events",
    "samples",
    "signatures",
    "work",
    "ycloud_cli",
]
