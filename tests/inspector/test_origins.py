"""Where an event came from: YCloud, or the page that sends samples."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from flask_ycloud.runtime import runtime_of

from ..support import body_of, call, deliver, id_of
from .support import PAGE, token, words


def test_a_sample_that_is_sent_from_the_page_is_shown_as_one(
    app: Flask, client: FlaskClient
) -> None:
    body = body_of()
    form = {"csrf_token": token(client, f"{PAGE}send"), "body": body.decode()}
    client.post(f"{PAGE}send", data=form)
    event = runtime_of(app).inbox.get(id_of(body))
    assert event is not None
    assert event.origin == "inspector"
    page = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert (
        "It was sent from the page “Send a sample” of this inspector, not by YCloud."
        in page
    )
    assert "sent from the page “Send a sample”, and signed by this app" in page
    assert "by the sender's clock" not in page
    assert "inspector" in call(app, "show", id_of(body)).output


def test_a_delivery_cannot_say_that_it_is_one(app: Flask, client: FlaskClient) -> None:
    body = body_of()
    deliver(app, body)
    event = runtime_of(app).inbox.get(id_of(body))
    assert event is not None
    assert event.origin == ""
    page = words(client.get(f"{PAGE}events/{id_of(body)}"))
    assert "signed (by the sender's clock)" in page
    assert "This is a sample." not in page
