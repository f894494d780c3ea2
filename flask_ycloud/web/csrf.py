"""Working together with Flask-WTF."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app


def exempt_from_csrf(blueprint: Blueprint) -> None:
    """Exempt a blueprint from Flask-WTF's CSRF tokens: it has its own protection.

    Called at each request, since the app may set up CSRFProtect after the blueprint.
    """
    csrf: Any = current_app.extensions.get("csrf")
    if hasattr(csrf, "exempt"):
        csrf.exempt(blueprint)
