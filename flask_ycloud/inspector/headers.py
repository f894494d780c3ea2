"""Security headers: a browser loads only what belongs to the pages."""

from __future__ import annotations

from flask import Response, request

from .tokens import keep_csrf_token

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    # With no-referrer a browser would send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def secure(response: Response) -> Response:
    """Add the headers, and the cookie with the token of the forms."""
    response.headers.update(_HEADERS)
    if request.endpoint != f"{request.blueprint}.static":
        response.headers["Cache-Control"] = "no-store"
    keep_csrf_token(response)
    return response
