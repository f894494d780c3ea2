"""The catalogue, and sending samples of it: ``types`` and ``send``."""

from __future__ import annotations

import json
import random
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import click
from flask import current_app

from ..fields import find_field
from ..protocol import (
    EVENT_TYPES,
    SAMPLE_ENDPOINT_ID,
    Answer,
    EventType,
    Target,
    closest_hint,
    post,
    post_all,
    sample_event,
    variants,
)
from ..runtime import runtime_of
from .group import ycloud_cli
from .output import table
from .places import place_named


@ycloud_cli.command("types")
@click.argument("text", default="")
def list_types(text: str) -> None:
    """The documented event types, or those with TEXT in their name."""
    rows = [
        (each.name, each.meaning, ", ".join(variants(each.name)))
        for each in EVENT_TYPES.values()
        if text.lower() in each.name
    ]
    if not rows:
        raise click.ClickException(
            f"No documented event type has {text!r} in its name: {closest_hint(text)}"
        )
    table(("TYPE", "MEANING", "VARIANTS"), rows)


@ycloud_cli.command()
@click.argument("event_type")
@click.option("--url", help="Where to; the app's own endpoint on port 5000 if left out.")
@click.option("--endpoint", help="Whose secret and path; the first one if left out.")
@click.option("--tenant", help="Whose, at an endpoint that serves many accounts.")
@click.option(
    "--endpoint-id",
    default=SAMPLE_ENDPOINT_ID,
    show_default=True,
    help="The endpoint's id at YCloud, sent as X-Webhook-Endpoint-ID.",
)
@click.option("--variant", help="Another sample of that type, such as image.")
@click.option(
    "--set",
    "changes",
    metavar="PATH=VALUE",
    multiple=True,
    help="Change the event's data, such as status=failed or text.body=Hello.",
)
@click.option("--count", default=1, type=click.IntRange(1), help="Send so many events.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="So many a second.")
@click.option(
    "--duplicate-share",
    default=0.0,
    type=click.FloatRange(0, 1),
    help="Send this share of them twice.",
)
@click.option("--shuffle", is_flag=True, help="Send in another order than they were made.")
def send(
    event_type: str,
    url: str | None,
    endpoint: str | None,
    tenant: str | None,
    endpoint_id: str,
    variant: str | None,
    changes: tuple[str, ...],
    count: int,
    rate: float | None,
    duplicate_share: float,
    shuffle: bool,
) -> None:
    """Send signed samples of an event type to a running app."""
    event = _sample(event_type, variant, changes)
    runtime = runtime_of(current_app)
    place = place_named(runtime, endpoint, tenant)
    url = url or "http://127.0.0.1:5000" + place.path(runtime)
    target = Target(url, place.secrets(runtime, endpoint_id)[0], endpoint_id)
    try:
        if count == 1 and not duplicate_share:
            _send_one(target, event)
        else:
            order = _order(count, duplicate_share, shuffle)
            bodies = _bodies(event, order, _names(event, changes))
            _send_all(target, bodies, len(order), rate)
    except ValueError as error:  # about the URL
        raise click.UsageError(str(error)) from None


def _send_one(target: Target, event: dict[str, Any]) -> None:
    try:
        answer = post(target, json.dumps(event).encode())
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise click.ClickException(
            f"No answer from {target.url}: {reason}. Is it running?"
        ) from None
    event_id = event.get("id") or event.get("eventId")
    event_type = event.get("type") or event.get("eventType")
    click.echo(f"{event_id} {event_type} → {answer.status} {answer.text}")
    if not answer.acknowledged:
        raise click.exceptions.Exit(1)


def _send_all(
    target: Target, bodies: Iterator[bytes], count: int, rate: float | None
) -> None:
    started = time.perf_counter()
    sending = post_all(target, bodies, rate=rate)
    with click.progressbar(sending, length=count, label="Sending") as answers:
        answered = list(answers)
    _summary(answered, time.perf_counter() - started)


def _order(count: int, duplicate_share: float, shuffle: bool) -> list[int]:
    """Which of the events to send, one after the other."""
    rng = random.Random()  # noqa: S311  (nothing secret)
    twice = set(rng.sample(range(count), round(count * duplicate_share)))
    order = [each for number in range(count) for each in [number] * (1 + (number in twice))]
    if shuffle:
        rng.shuffle(order)
    return order


def _bodies(
    event: dict[str, Any], order: list[int], names: dict[str, str]
) -> Iterator[bytes]:
    """That event again and again, each with an id and a conversation of its own.

    :param names: what names the conversation: fields of the event's data.
    """
    prefix = f"evt_{secrets.token_hex(8)}"
    key = "eventId" if "eventId" in event else "id"
    into = _type_of(event).property_in(event)
    for number in order:
        own = {name: f"{value}{number}" for name, value in names.items()}
        data = {} if into is None else {into: {**event[into], **own}}
        yield json.dumps({**event, key: f"{prefix}{number:08x}", **data}).encode()


def _type_of(event: dict[str, Any]) -> EventType:
    return EVENT_TYPES[event.get("type") or event["eventType"]]


def _names(event: dict[str, Any], changes: tuple[str, ...]) -> dict[str, str]:
    """The fields that tell whose conversation it is, but for those that were set."""
    known = _type_of(event)
    into = known.property_in(event)
    data: dict[str, Any] = {} if into is None else event[into]
    given = {change.partition("=")[0] for change in changes}
    first = {key.fields[0] for key in known.keys} - given
    return {name: data[name] for name in first if isinstance(data.get(name), str)}


def _summary(answers: list[Answer], seconds: float) -> None:
    """What was answered how often, and how soon."""
    counts = Counter(
        f"{each.status} {each.text}" if each.status else "" for each in answers
    )
    for answer, count in counts.most_common():
        click.echo(f"{count:>8}  {answer or 'no answer'}")
    times = sorted(1000 * each.seconds for each in answers if each.status)
    click.echo(f"{len(answers) / seconds:.0f} a second, in {seconds:.1f} s.")
    if len(times) > 1:
        cuts = statistics.quantiles(times, n=100, method="inclusive")
        figures = [(f"p{each}", cuts[each - 1]) for each in (50, 90, 99)]
        shown = ", ".join(f"{name} {ms:.1f}" for name, ms in [*figures, ("max", times[-1])])
        click.echo(f"Milliseconds to the answer: {shown}.")
    if not all(each.acknowledged for each in answers):
        raise click.exceptions.Exit(1)


def _sample(
    event_type: str, variant: str | None, changes: tuple[str, ...]
) -> dict[str, Any]:
    """A sample with changes.

    :raises click.UsageError: if there is no such type, variant or field, or if a value
        cannot be there.
    """
    if event_type not in EVENT_TYPES:
        raise click.UsageError(
            f"{event_type!r} is no documented event type: {closest_hint(event_type)}"
        )
    if variant is not None and variant not in variants(event_type):
        known = ", ".join(variants(event_type)) or "none"
        raise click.UsageError(f"{event_type!r} has these variants: {known}.")
    event = sample_event(event_type, variant=variant)
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes PATH=VALUE; got {change!r}.")
        try:
            holder, key = find_field(event_type, event, path)
        except LookupError as error:
            raise click.UsageError(str(error)) from None
        old = holder.get(key) if isinstance(holder, dict) else holder[key]
        holder[key] = _value(path, text, old)
    return event


def _value(path: str, text: str, old: object) -> Any:
    """What is text in the sample stays text: a telephone number is no number."""
    if isinstance(old, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        if old is None:
            return text
        raise click.UsageError(
            f"{path!r} takes JSON, such as {json.dumps(old)}; got {text!r}."
        ) from None
