"""Names whose modules are imported when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import flask_ycloud
from flask_ycloud import dispatch, inbox


def test_every_name_is_there() -> None:
    for package in (flask_ycloud, inbox, dispatch):
        for name in package.__all__:
            assert getattr(package, name) is getattr(package, name)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match=r"'flask_ycloud\.inbox' has no attribute 'x'"):
        _ = inbox.x  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from flask_ycloud import nothing  # type: ignore[attr-defined]  # noqa: F401


def test_the_package_is_imported_without_the_database() -> None:
    code = """
import sys, flask_ycloud
assert "sqlalchemy" not in sys.modules
from flask_ycloud import *
assert Inbox.__module__ == "flask_ycloud.inbox.store"
assert "sqlalchemy" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
