"""What tests share: an endpoint that serves many accounts."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from flask_ycloud import WebhookBlueprint

from .support import deliver

SECRETS = {"acme": "whsec_of_the_acme", "beta": "whsec_of_the_beta"}


def secret_of(tenant: str | None, endpoint_id: str | None) -> str | None:
    return SECRETS.get(str(tenant))


def hooks(lookup: Any = secret_of) -> WebhookBlueprint:
    return WebhookBlueprint("hooks", url_prefix="/hooks/<tenant>", secrets=lookup)


def deliver_to(app: Flask, tenant: str, body: bytes) -> TestResponse:
    """Send a delivery to a tenant, signed with the tenant's secret."""
    return deliver(app, body, secret=SECRETS[tenant], path=f"/hooks/{tenant}/webhook")
