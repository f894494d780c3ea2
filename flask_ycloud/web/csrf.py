"""Beside Flask-WTF."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app


def exempt_from_csrf(blueprint: Blueprint) -> None:
    """Flask-WTF asks for a token in every POST; ours have a safeguard of their own.

    Called at the request, since the app may set CSRFProtect up after the blueprint.
    """
    csrf: Any = current_app.extensions.get("csrf")
    if hasattr(csrf, "exempt"):
        csrf.exempt(blueprint)
