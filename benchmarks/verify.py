"""Verifying a signature, compared with the bare computation and other libraries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial

import standardwebhooks
import stripe
import svix
from slack_sdk.signature import SignatureVerifier

from flask_ycloud import sign, verify

from .rounds import compare, seconds_each

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
SIZES = (1, 16, 64)  # KiB


def cases(size: int) -> dict[str, Callable[[], object]]:
    """Return each way to verify, for a body of ``size`` KiB."""
    body = json.dumps({"id": "evt_1", "text": "x" * (size * 1024 - 40)}).encode()
    text = body.decode()
    key = SECRET.encode()
    now = str(int(time.time()))
    header = sign(body, SECRET)
    expected = header.partition("s=")[2]

    def ours() -> None:
        verify(body, header, SECRET)

    def bare() -> None:
        digest = hmac.digest(key, now.encode() + b"." + body, "sha256").hex()
        assert hmac.compare_digest(digest, expected)

    def documented() -> None:
        digest = hmac.new(key, f"{now}.{text}".encode(), hashlib.sha256).hexdigest()
        assert hmac.compare_digest(digest, expected)

    return {
        "bare hmac.digest and compare": bare,
        "flask-ycloud": ours,
        "hmac.new().hexdigest(), as documented": documented,
        **peers(body, now),
    }


def peers(body: bytes, now: str) -> dict[str, Callable[[], object]]:
    """Return the verifications by other libraries, each with its own header."""
    text = body.decode()
    standard = standardwebhooks.Webhook(SECRET)
    signed_at = time.time()
    when = datetime.fromtimestamp(signed_at, timezone.utc)
    standard_headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(signed_at)),
        "webhook-signature": standard.sign("msg_1", when, text),
    }
    svix_headers = {
        name.replace("webhook", "svix"): value for name, value in standard_headers.items()
    }
    svix_webhook = svix.Webhook(SECRET)
    stripe_digest = hmac.new(
        SECRET.encode(), f"{now}.{text}".encode(), hashlib.sha256
    ).hexdigest()
    stripe_header = f"t={now},v1={stripe_digest}"
    slack = SignatureVerifier(SECRET)
    slack_signature = slack.generate_signature(timestamp=now, body=body)
    assert slack_signature is not None

    def by_svix() -> None:
        svix_webhook.verify(body, svix_headers)

    def by_standard() -> None:
        standard.verify(body, standard_headers, json_parse=False)

    def by_stripe() -> None:
        assert stripe.WebhookSignature.verify_header(text, stripe_header, SECRET, 300)

    def by_slack() -> None:
        assert slack.is_valid(body=body, timestamp=now, signature=slack_signature)

    return {
        "stripe": by_stripe,
        "slack_sdk": by_slack,
        "svix": by_svix,
        "standardwebhooks": by_standard,
    }


def main(rounds: int = 25) -> None:
    for size in SIZES:
        made = cases(size)
        measured = {name: partial(seconds_each, work) for name, work in made.items()}
        compare(
            f"verify-{size}",
            f"Verify {size} KiB",
            "time of one verification",
            measured,
            rounds=rounds,
        )


if __name__ == "__main__":
    main()
