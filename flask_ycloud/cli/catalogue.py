"""The documented event types: ``types``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

import click

from ..protocol import (
    EVENT_TYPES,
    KNOWN_SUBSCRIPTIONS,
    EventType,
    closest_hint,
    patterns,
    sample,
    variants,
)
from . import completion
from .group import ycloud_cli
from .output import echo, fields, table


@ycloud_cli.command("types")
@click.argument("text", default="", shell_complete=completion.subscriptions)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--ids", is_flag=True, help="Print the names only, one in a line.")
def list_types(text: str, as_json: bool, ids: bool) -> None:
    """List the documented event types, or show one in detail.

    TEXT is the name of a type, a pattern such as 'whatsapp.*', or a part of names.

    \b
    Examples:
      flask ycloud types
      flask ycloud types inbound
      flask ycloud types sms.message.updated
    """
    if text in EVENT_TYPES and not ids:
        _show(EVENT_TYPES[text], as_json)
        return
    found = [each for each in EVENT_TYPES.values() if _is_meant(each.name, text)]
    if not found:
        raise click.ClickException(
            f"No documented event type has {text!r} in its name: {closest_hint(text)}"
        )
    if as_json:
        echo(json.dumps(list(map(_plain, found))))
    elif ids:
        echo("\n".join(each.name for each in found))
    else:
        _table(found)


def _is_meant(name: str, text: str) -> bool:
    if text in EVENT_TYPES or text in KNOWN_SUBSCRIPTIONS:
        return text in patterns(name)
    return text.lower() in name


def _plain(known: EventType) -> dict[str, Any]:
    return {
        "type": known.name,
        "meaning": known.meaning,
        "variants": variants(known.name),
    }


def _table(found: list[EventType]) -> None:
    """One line for each type; on a terminal, lines of its width."""
    width = _width()
    if width is None:
        rows = [(e.name, e.meaning, ", ".join(variants(e.name))) for e in found]
        table(("TYPE", "MEANING", "VARIANTS"), rows)
        return
    shown = click.HelpFormatter(width=width, max_width=width)
    rows_shown = []
    for each in found:
        more = variants(each.name)
        meaning = f"{each.meaning} Variants: {', '.join(more)}." if more else each.meaning
        rows_shown.append((each.name, meaning))
    shown.write_dl(rows_shown, col_max=max(20, width // 2))
    echo(shown.getvalue().rstrip("\n"))


def _width() -> int | None:
    """The columns of the terminal, or of ``COLUMNS``; ``None`` in a pipe."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return None
    return max(40, shutil.get_terminal_size().columns)


def _show(known: EventType, as_json: bool) -> None:
    from ..fields import fields_of  # here, since it needs every payload

    found = list(fields_of(known.name))
    if as_json:
        plain = {
            **_plain(known),
            "page": known.page,
            "properties": known.properties,
            "conversation": [each.fields for each in known.keys],
            "fields": [each._asdict() for each in found],
            "sample": sample(known.name),
        }
        echo(json.dumps(plain))
        return
    lines = {
        "type": known.name,
        "meaning": known.meaning,
        "documented": known.page,
        "data in": " or ".join(known.properties),
        "variants": ", ".join(variants(known.name)),
        "order by": _order(known),
    }
    fields(lines, 12)
    echo()
    table(
        ("FIELD OF DATA", "PRESENT", "VALUE"),
        [(e.path, "always" if e.always else "sometimes", e.value) for e in found],
    )
    echo(f"\nA sample:\n{json.dumps(sample(known.name), indent=2)}")


def _order(known: EventType) -> str:
    """By which fields events are kept in order."""
    keys = [" + ".join(each.fields) for each in known.keys]
    return "; else ".join(keys) if keys else "nothing: these events have no order"
