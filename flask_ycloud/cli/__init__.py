"""The commands: ``flask ycloud …``."""

from . import events, samples, signatures, work
from .group import ycloud_cli

__all__ = ["events", "samples", "signatures", "work", "ycloud_cli"]
