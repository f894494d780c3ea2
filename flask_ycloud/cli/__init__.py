"""The commands: ``flask ycloud …``."""

from .group import ycloud_cli

__all__ = ["ycloud_cli"]
