"""Whether a request comes from a browser on this machine, in debug mode."""

from __future__ import annotations

import re

from flask import Flask
from werkzeug.wrappers import Request

_LOOPBACK = {"127.0.0.1", "::1"}
_NAMES = {"127.0.0.1", "[::1]", "localhost"}

#: Headers that proxies and tunnels add to name the client. A browser sends none of them.
_FORWARDING = re.compile(
    r"forward|proxy|tunnel|\bvia$|(client|real|remote|connecting|original|user)-?(ip|addr)"
    r"|^x-(original|originating|envoy|amzn|azure|arr|appengine|vercel)-"
    r"|^(cf|fly|fastly|ngrok|tailscale)-|^cdn-loop$",
    re.IGNORECASE,
)


def is_local(app: Flask, request: Request) -> bool:
    """Whether the app is in debug mode, and a browser on this machine sent the request.

    The host name is checked, so that no page with a DNS name of its own can reach the app
    through the user's browser. Behind a proxy or a tunnel, every client has the address of
    this machine.
    """
    host = request.host
    name = host.rsplit(":", 1)[0] if host != "[::1]" else host
    local = request.remote_addr in _LOOPBACK and name in _NAMES
    return app.debug and local and not any(map(_FORWARDING.search, request.headers.keys()))
