"""The source of a delivery, if the app has sent it to itself."""

from __future__ import annotations

from werkzeug.wrappers import Request

#: The key of the WSGI environ. HTTP headers have keys that begin with ``HTTP_``, so no
#: client can set it.
ORIGIN_KEY = "flask_ycloud.origin"

#: A sample that was sent from the inspector.
INSPECTOR = "inspector"


def origin_of(request: Request) -> str:
    """Return ``"inspector"`` if the inspector sent the delivery, else ``""``."""
    return INSPECTOR if request.environ.get(ORIGIN_KEY) == INSPECTOR else ""
