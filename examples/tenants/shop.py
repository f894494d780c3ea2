"""One app for many customers. Each customer has its own YCloud account.

    python examples/tenants/demo.py    # runs the app against a fake of YCloud

README.rst says how to run it against YCloud.
"""

from __future__ import annotations

import re
import sys

import click
from customers import Base, Customer, Message, engine, find, lookup
from flask import Flask
from sqlalchemy.orm import Session

from flask_ycloud import Event, WebhookBlueprint, YCloudError
from flask_ycloud.api import WebhookEndpoints

EVENTS = ["whatsapp.inbound_message.received"]

app = Flask(__name__)
app.config["SHOP_URL"] = "https://shop.example.org"  # where YCloud reaches this app
app.config.from_prefixed_env()  # FLASK_SHOP_URL=… sets the real one
hooks = WebhookBlueprint("hooks", url_prefix="/hooks/<tenant>", secrets=lookup)
app.register_blueprint(hooks)  # POST /hooks/<tenant>/webhook


@hooks.on_event(*EVENTS)
def keep(event: Event) -> None:
    """Store a message for its customer."""
    text = event.data.get("text", {}).get("body", "")
    with Session(engine) as session, session.begin():
        session.merge(Message(tenant=event.tenant, event_id=event.id, text=text))


def ycloud(api_key: str) -> WebhookEndpoints:
    """Return a client for the webhook endpoints of a customer's account."""
    return WebhookEndpoints(api_key, base_url=app.config.get("YCLOUD_API_URL"))


@app.cli.command()
def create_tables() -> None:
    """Create the shop's tables."""
    Base.metadata.create_all(engine)


@app.cli.command()
@click.argument("name")
@click.option("--api-key-stdin", is_flag=True, help="Read the API key from standard input.")
def onboard(name: str, api_key_stdin: bool) -> None:
    """Create an endpoint in a customer's YCloud account, and store its secret.

    After a failure, run the command again: it uses an endpoint that exists already.
    """
    if not re.fullmatch(r"[a-z0-9-]{1,50}", name):
        raise click.UsageError("A name has 1 to 50 lower-case letters, digits and hyphens.")
    if find(name):
        raise click.ClickException(f"The customer {name} exists already.")
    api_key = (
        sys.stdin.readline().strip()
        if api_key_stdin
        else click.prompt("The customer's API key", hide_input=True)
    )
    url = f"{app.config['SHOP_URL']}/hooks/{name}/webhook"
    try:
        with ycloud(api_key) as endpoints:
            made = endpoints.ensure(url, EVENTS, description=f"The shop, for {name}")
    except YCloudError as error:
        raise click.ClickException(str(error)) from None
    customer = Customer(name=name, endpoint_id=made.id, api_key=api_key, secret=made.secret)
    with Session(engine) as session, session.begin():
        session.add(customer)
    click.echo(f"{name} is served at {url}, by the endpoint {made.id}.")


@app.cli.command()
@click.argument("name")
def offboard(name: str) -> None:
    """Delete a customer's endpoint and secret. Stored events are still handled."""
    customer = find(name)
    if customer is None:
        raise click.ClickException(f"There is no customer {name}.")
    try:
        with ycloud(customer.api_key) as endpoints:
            endpoints.delete(customer.endpoint_id)
    except YCloudError as error:  # such as an API key that the customer has deleted
        click.echo(
            f"The endpoint may still exist. Its deliveries are rejected with 401. {error}"
        )
    with Session(engine) as session, session.begin():
        session.delete(customer)
    click.echo(f"{name} is not served any more.")
