"""Weak secrets, with which anybody can sign: refused except in development and tests."""

from __future__ import annotations

import logging
import os
import sys

from flask import Flask, request

from ..environment import overridden
from ..errors import ConfigurationError
from ..logs import log
from ..runtime import Runtime
from ..secret_checks import REMEDY, Keys, weakness_of
from ..signing_secrets import Secrets

_logger = logging.getLogger(__name__)


def strong(runtime: Runtime, secrets: Secrets, keys: Keys) -> Keys:
    """Return the secrets, if the app may verify a delivery with them.

    The check runs at each delivery: tests set ``app.testing`` after the registration, and
    only the request says which server runs.

    :param keys: some of ``secrets``.
    :raises ConfigurationError: if one is too weak.
    """
    weakness = weakness_of(keys)
    if weakness is not None and not runtime.app.testing:
        if not (runtime.app.debug or _is_development_server()):
            raise _refused(runtime.app, secrets, weakness)
        if runtime.once(f"weak {secrets.what}"):
            text = "%s: the secret %s. In production it is refused. %s"
            log(_logger, logging.WARNING, text, secrets.what, weakness, REMEDY)
    return keys


def refuse_at_start(app: Flask, secrets: Secrets) -> None:
    """Refuse to start with a weak secret on a production server.

    :raises ConfigurationError: if a secret in the config is too weak.
    """
    weakness = weakness_of(secrets.fixed)
    if weakness and _is_production_server() and not (app.testing or app.debug):
        raise _refused(app, secrets, weakness)


def _is_development_server() -> bool:
    """Whether ``flask run`` or ``app.run()`` serves this request."""
    software: str = request.environ.get("SERVER_SOFTWARE", "")
    return software.startswith("Werkzeug/")


def _is_production_server() -> bool:
    """Whether gunicorn or uWSGI certainly loads the app; known before any request."""
    software = os.environ.get("SERVER_SOFTWARE", "")
    return software.startswith("gunicorn/") or "uwsgi" in sys.modules


def _refused(app: Flask, secrets: Secrets, weakness: str) -> ConfigurationError:
    keys = () if secrets.key is None else (secrets.key,)
    real = next(
        overridden(app.config, keys), REMEDY
    )  # perhaps the real secret was only not read
    return ConfigurationError(
        f"{secrets.what}: the secret {weakness}. It is accepted only under app.testing, in"
        f" debug mode and by flask run. {real}"
    )
