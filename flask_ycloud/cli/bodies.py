"""What ``send`` sends: a sample with changes, or the bytes of a file."""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import click

from ..errors import EventNotUnderstood
from ..protocol import (
    EVENT_TYPES,
    KNOWN_SUBSCRIPTIONS,
    EventType,
    body_id,
    closest_hint,
    parse_event,
    sample_event,
    variants,
)
from . import completion

_Command = Callable[..., None]


class Sendable(NamedTuple):
    """What is sent.

    :param body: the bytes.
    :param event: the sample, as a value; ``None`` for a file.
    :param changes: what was changed in the sample, as ``PATH=VALUE``.
    :param file: the name of the file; ``-`` for standard input.
    """

    body: bytes
    event: dict[str, Any] | None = None
    changes: tuple[str, ...] = ()
    file: str = "-"

    @property
    def id(self) -> str:
        """The id that it gets in the inbox."""
        return id_of(self.body)

    @property
    def type(self) -> str:
        """Its event type."""
        try:
            return parse_event(self.body).type
        except EventNotUnderstood:
            return "(not understood)"

    def many(self, order: Sequence[int]) -> Iterator[bytes]:
        """Bodies of many events: the sample, each with its own id and conversation.

        :param order: numbers of events, one for each body.
        """
        event: dict[str, Any] = self.event or {}
        prefix = f"evt_{secrets.token_hex(8)}"
        key = "eventId" if "eventId" in event else "id"
        into = _type_of(event).property_in(event)
        names = _names(event, self.changes)
        for number in order:
            own = {name: f"{value}{number}" for name, value in names.items()}
            data = {} if into is None else {into: {**event[into], **own}}
            yield json.dumps({**event, key: f"{prefix}{number:08x}", **data}).encode()


def body_options(command: _Command) -> _Command:
    """The options that say what is sent. The command gets it as ``what``."""
    options = (
        click.argument("event_type", required=False, shell_complete=completion.event_types),
        click.option(
            "--file",
            "body_file",
            type=click.Path(exists=True, dir_okay=False, allow_dash=True),
            help="Send the bytes of this file, in place of a sample. - is standard input.",
        ),
        click.option(
            "--variant",
            shell_complete=completion.variants_of_type,
            help="Send another sample of that type, such as image.",
        ),
        click.option(
            "--set",
            "changes",
            metavar="PATH=VALUE",
            multiple=True,
            help="Change the event's data, such as status=failed or text.body=Hello.",
        ),
    )

    @functools.wraps(command)
    def read(
        event_type: str | None,
        body_file: str | None,
        variant: str | None,
        changes: tuple[str, ...],
        **others: Any,
    ) -> None:
        if (event_type is None) == (body_file is None):
            raise click.UsageError(
                "Name the event type, or the file to send: --file body.json. The types:"
                " flask ycloud types"
            )
        if body_file is None:
            event = _sample(str(event_type), variant, changes)
            what = Sendable(json.dumps(event).encode(), event, changes)
        elif variant or changes:
            raise click.UsageError("--file takes no --variant and no --set.")
        else:
            with click.open_file(body_file, "rb") as file:
                what = Sendable(file.read(), file=body_file)
        command(what=what, **others)

    for option in reversed(options):
        read = option(read)
    return read


def id_of(body: bytes) -> str:
    """The id that an event gets in the inbox."""
    try:
        return parse_event(body).id
    except EventNotUnderstood:
        return body_id(body)


def _type_of(event: dict[str, Any]) -> EventType:
    return EVENT_TYPES[event.get("type") or event["eventType"]]


def _names(event: dict[str, Any], changes: tuple[str, ...]) -> dict[str, str]:
    """The fields that identify the conversation, except those that were set."""
    known = _type_of(event)
    into = known.property_in(event)
    data: dict[str, Any] = {} if into is None else event[into]
    given = {change.partition("=")[0] for change in changes}
    first = {key.fields[0] for key in known.keys} - given
    return {name: data[name] for name in first if isinstance(data.get(name), str)}


def _sample(
    event_type: str, variant: str | None, changes: tuple[str, ...]
) -> dict[str, Any]:
    """A sample with changes.

    :raises click.UsageError: if there is no such type, variant or field, or if a value
        is not allowed there.
    """
    if event_type not in EVENT_TYPES:
        raise click.UsageError(_no_type(event_type))
    if variant is not None and variant not in variants(event_type):
        known = ", ".join(variants(event_type)) or "none"
        raise click.UsageError(f"{event_type!r} has these variants: {known}.")
    event = sample_event(event_type, variant=variant)
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes PATH=VALUE; got {change!r}.")
        _set(event_type, event, path, text)
    return event


def _no_type(name: str) -> str:
    """Why a name is not an event type, and what to do."""
    if name in KNOWN_SUBSCRIPTIONS:
        return (
            f"{name!r} is a pattern, and an event has one type. Name one of its types:"
            f" flask ycloud types '{name}'"
        )
    return f"{name!r} is not a documented event type: {closest_hint(name)}"


def _set(event_type: str, event: dict[str, Any], path: str, text: str) -> None:
    from ..fields import find_field  # here, since it needs every payload

    try:
        holder, key = find_field(event_type, event, path)
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    old = holder.get(key) if isinstance(holder, dict) else holder[key]
    holder[key] = _value(path, text, old)


def _value(path: str, text: str, old: object) -> Any:
    """The value of ``--set``. If the sample has a text there, the value stays text."""
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
