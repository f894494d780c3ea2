"""Signed texts: the CSRF tokens of the forms, and the notices after an action."""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from flask import Flask, Response, abort, current_app, request, url_for
from itsdangerous import BadData, Signer, URLSafeSerializer

from ..runtime import runtime_of

_COOKIE = "ycloud_csrf"
_RANDOM_LENGTH = 43  # of 32 bytes in base64; the signature follows
_FRESH = "flask_ycloud.csrf"  # a key in the environ of each request
_OUR_SITES = ("same-origin", "none")
_DEFAULT_PORTS = (":80", ":443")
# For apps without a key that all their processes know. If a server loads the app before it
# forks, all its processes have the same random key.
_RANDOM = secrets.token_bytes(32)


def csrf_token() -> str:
    """Return a token for the forms of this browser. The response sets it as a cookie."""
    known = request.cookies.get(_COOKIE, "")
    token: str = request.environ.get(_FRESH) or (known if _is_ours(known) else "")
    token = token or _signed(secrets.token_urlsafe(32))
    request.environ[_FRESH] = token
    return token


def check_csrf_token() -> None:
    """Refuse a request that acts, unless one of our own forms sent it."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    sent, known = request.form.get("csrf_token", ""), request.cookies.get(_COOKIE, "")
    same = hmac.compare_digest(_bytes(sent), _bytes(known))
    if not (_is_from_here() and same and _is_ours(known)):
        abort(403, "The form is too old, or from another site. Load its page again.")


def keep_csrf_token(response: Response) -> None:
    """Set the token as a cookie that other sites do not send and scripts cannot read."""
    if _FRESH in request.environ:
        response.set_cookie(
            _COOKIE,
            request.environ[_FRESH],
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
            path=url_for(".events"),
        )


def notice(text: str) -> str:
    """Sign a text for the next page. It is in the URL, and nobody else can create it."""
    return URLSafeSerializer(_key(current_app), salt="ycloud notice").dumps(text)


def notice_told() -> str | None:
    """Return the notice in the URL of this page, if its signature is right."""
    try:
        serializer = URLSafeSerializer(_key(current_app), salt="ycloud notice")
        return str(serializer.loads(request.args.get("notice", "")))
    except BadData:
        return None


def _is_from_here() -> bool:
    """Whether the browser names one of our pages as the sender, or names none.

    A proxy may have replaced the host. Pages of other sites cannot set
    ``X-Forwarded-Host``.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in _OUR_SITES:
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    forwarded = request.headers.get("X-Forwarded-Host", "").split(",")
    hosts = {_host(each) for each in (request.host, *forwarded)} - {""}
    return _host(origin.partition("://")[2]) in hosts


def _host(text: str) -> str:
    host = text.strip().lower()
    return next((host.removesuffix(p) for p in _DEFAULT_PORTS if host.endswith(p)), host)


def _signed(random: str) -> str:
    signer = Signer(_key(current_app), salt="ycloud csrf", key_derivation="hmac")
    return random + signer.get_signature(random).decode()


def _is_ours(token: str) -> bool:
    random = token[:_RANDOM_LENGTH]
    return token.isascii() and hmac.compare_digest(_bytes(token), _bytes(_signed(random)))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _key(app: Flask) -> Any:
    """Return the app's key, or else a signing secret: all processes know it.

    The password is not used. A user with a token could guess it offline.
    """
    fixed = (each.secrets.fixed for each in runtime_of(app).endpoints.values())
    return app.secret_key or next((each[0] for each in fixed if each), _RANDOM)
