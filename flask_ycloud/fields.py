"""The fields that an event may have, from YCloud's types and samples."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, NoReturn, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

from . import payloads
from .payloads import PAYLOADS
from .protocol import EVENT_TYPES, find, sample_event, variants
from .protocol.event_types import COMMON_PROPERTIES

#: A name in a path begins with it, if YCloud documents no such field.
NEW = "+"


def change(name: str, event: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Set fields of an event.

    :param name: the event's type.
    :param changes: new values by their paths, as in :func:`sample_event`.
    :raises LookupError: if a path leads nowhere, or there is no such field.
    """
    for path, value in changes.items():
        holder, key = find_field(name, event, path, value)
        holder[key] = value


def find_field(
    name: str, event: dict[str, Any], path: str, value: Any = None
) -> tuple[Any, str | int]:
    """Where a path leads: an object or list, and the key in it.

    :param name: the event's type.
    :param value: the new value. The fields in it are checked as well.
    :raises LookupError: if the path leads nowhere, or there is no such field.
    """
    place, start, steps = _start(name, event, path)
    for number, step in enumerate(steps):
        if step.startswith(NEW):
            break
        if not place.has(step):
            _refuse(name, [*start, *steps[:number]], step, place)
        place = place.at(step)
    else:
        _check_value(name, [*start, *steps], place, value)
    return find(name, event, ".".join(each.removeprefix(NEW) for each in path.split(".")))


@cache
def documented_names() -> frozenset[str]:
    """The names of all fields that YCloud documents, in any event and at any depth."""
    types = filter(is_typeddict, vars(payloads).values())
    names = COMMON_PROPERTIES.union(*(_documented(each) for each in types))
    samples = (
        sample_event(name, variant=variant)
        for name in EVENT_TYPES
        for variant in (None, *variants(name))
    )
    return names.union(*map(_names_in, samples))


def _names_in(value: Any) -> set[str]:
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)):
        return set()
    return set(value if isinstance(value, dict) else ()).union(*map(_names_in, inside))


class _Place(NamedTuple):
    """A place in an event.

    :param kinds: the types that YCloud documents for it; empty if it documents none. For an
        event itself, a dict of the kinds of its fields.
    :param sample: the value in the sample; ``None`` if the sample has none.
    """

    kinds: Sequence[Any]
    sample: Any = None

    @property
    def names(self) -> set[str] | None:
        """The names of the possible fields; ``None`` if any name is possible."""
        if any(kind is Any or get_origin(kind) is dict for kind in self.kinds):
            return None
        names = {name for kind in self.kinds for name in _fields_of(kind)}
        if isinstance(self.sample, dict):
            names |= self.sample.keys()
        return names if names or self.kinds else None

    def has(self, step: str) -> bool:
        """Whether such a field, or item of a list, is possible."""
        if isinstance(self.sample, list):
            return step.isdecimal()
        return self.names is None or step in self.names

    def at(self, step: str) -> _Place:
        """The place of a field, or of an item of a list."""
        if isinstance(self.sample, list):
            return self.item(int(step))
        kinds = [each for kind in self.kinds for each in _fields_of(kind).get(step, ())]
        known = self.sample if isinstance(self.sample, dict) else {}
        return _Place(kinds, known.get(step))

    def item(self, number: int = 0) -> _Place:
        """The place of an item of a list."""
        lists = [kind for kind in self.kinds if get_origin(kind) is list]
        kinds = [each for kind in lists for each in _alternatives(*get_args(kind))]
        known = self.sample[number : number + 1] if isinstance(self.sample, list) else ()
        return _Place(kinds, next(iter(known), None))


def _start(
    name: str, event: dict[str, Any], path: str
) -> tuple[_Place, list[str], list[str]]:
    """The place where a path begins, the steps to it, and the steps from it."""
    first, *rest = path.split(".")
    known, payloads = EVENT_TYPES[name], PAYLOADS[name]
    if first == "event" and rest:
        fields: dict[str, Sequence[Any]] = dict.fromkeys(COMMON_PROPERTIES, (str,))
        return (
            _Place([fields | dict.fromkeys(known.properties, payloads)], event),
            [first],
            rest,
        )
    found = known.property_in(event)
    data = event if found is None else event[found]
    return _Place(payloads, data), [], [first, *rest]


def _check_value(name: str, steps: list[str], place: _Place, value: Any) -> None:
    """Check the fields in a value."""
    if isinstance(value, list):
        for each in value:
            _check_value(name, [*steps, "0"], place.item(), each)
    if isinstance(value, dict):
        for key, inner in value.items():
            if not place.has(key):
                _refuse(name, steps, key, place)
            _check_value(name, [*steps, key], place.at(key), inner)


def _refuse(name: str, before: list[str], step: str, place: _Place) -> NoReturn:
    """Refuse a field that such events do not have.

    :param before: the steps that lead to it.
    """
    path = ".".join([*before, step])
    if not step or not place.names:
        raise LookupError(f"The path {path!r} leads nowhere in this event, at {step!r}.")
    close = difflib.get_close_matches(step, place.names, n=1)
    hint = f": did you mean {'.'.join([*before, *close])!r}?" if close else "."
    what = "An event" if before[:1] == ["event"] else "The data of"
    raise LookupError(
        f"{what} {name!r} has no {path!r}{hint} To add a field that"
        f" YCloud does not document, write {NEW} before its name in the path."
    )


def _fields_of(kind: Any) -> Mapping[str, Sequence[Any]]:
    if isinstance(kind, dict):
        return kind
    return _documented(kind) if is_typeddict(kind) else {}


@cache
def _documented(kind: Any) -> dict[str, Sequence[Any]]:
    """The fields of a ``TypedDict``, each with its alternatives."""
    return {name: _alternatives(hint) for name, hint in get_type_hints(kind).items()}


def _alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        return [each for part in get_args(hint) for each in _alternatives(part)]
    return [] if hint is type(None) else [hint]


class Field(NamedTuple):
    """A field of an event's data, as YCloud documents it.

    :param path: as :func:`find_field` takes it; ``0`` stands for any item of a list.
    :param value: its type, in words.
    :param always: whether its object always has it.
    """

    path: str
    value: str
    always: bool


def fields_of(name: str) -> list[Field]:
    """The documented fields of the data of an event type, including nested fields.

    :param name: the event's type.
    """
    found: dict[str, list[Field]] = {}
    payloads = [each for each in PAYLOADS[name] if is_typeddict(each)]
    for payload in payloads:
        for each in _walk(payload, "", (payload,)):
            found.setdefault(each.path, []).append(each)
    return [
        Field(
            path,
            " or ".join(dict.fromkeys(each.value for each in same if each.value)),
            # Nested fields exist only in payloads that have the outer field.
            all(each.always for each in same)
            and ("." in path or len(same) == len(payloads)),
        )
        for path, same in found.items()
    ]


def _walk(kind: Any, start: str, inside: tuple[Any, ...]) -> Iterator[Field]:
    """The fields of a ``TypedDict``, each followed by its nested fields.

    :param inside: the types on the way, which are not entered again.
    """
    for name, kinds in _documented(kind).items():
        path = start + name
        value = " or ".join(dict.fromkeys(map(_in_words, kinds)))
        yield Field(path, value, name in kind.__required_keys__)
        for each in kinds:
            below = f"{path}."
            while get_origin(each) is list:
                each, below = get_args(each)[0], f"{below}0."
            if is_typeddict(each) and each not in inside:
                yield from _walk(each, below, (*inside, each))


_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    if get_origin(kind) is list:
        return f"list of {_in_words(get_args(kind)[0])}"
    if is_typeddict(kind) or get_origin(kind) is dict:
        return "object"
    return _WORDS.get(kind, "anything")
