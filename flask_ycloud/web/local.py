"""Whether a browser of this machine asks, in debug mode."""

from __future__ import annotations

import re

from flask import Flask
from werkzeug.wrappers import Request

_LOOPBACK = {"127.0.0.1", "::1"}
_NAMES = {"127.0.0.1", "[::1]", "localhost"}

#: The headers by which proxies and tunnels say for whom they ask. A browser sends none.
_FORWARDING = re.compile(
    r"forward|proxy|tunnel|\bvia$|(client|real|remote|connecting|original|user)-?(ip|addr)"
    r"|^x-(original|originating|envoy|amzn|azure|arr|appengine|vercel)-"
    r"|^(cf|fly|fastly|ngrok|tailscale)-|^cdn-loop$",
    re.IGNORECASE,
)


def is_local(app: Flask, request: Request) -> bool:
    """Whether the app is in debug mode, and a browser of this machine asks.

    By a name of its own no other page can reach it through the user's browser. Behind a
    proxy or a tunnel everybody has the address of this machine.
    """
    host = request.host
    name = host.rsplit(":", 1)[0] if host != "[::1]" else host
    local = request.remote_addr in _LOOPBACK and name in _NAMES
    return app.debug and local and not any(map(_FORWARDING.search, request.headers.keys()))
