"""Make ``flask_ycloud/payloads.py`` from YCloud's schema and what its pages add.

    make payloads

``payloads/openapi.yaml`` is a part of YCloud's OpenAPI document, and
``payloads/additions.yaml`` is merged over it. datamodel-code-generator writes the
TypedDicts, and this script what is around them: the overloads by which ``on_event`` types
a handler's event.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from flask_ycloud import EVENT_TYPES, EventType

HERE = Path(__file__).parent / "payloads"
TARGET = Path(__file__).parent.parent / "flask_ycloud" / "payloads.py"

HEAD = '''"""A ``TypedDict`` for the data of each event type, and the types of ``on_event``.

Made by ``scripts/make_payloads.py`` from YCloud's OpenAPI document (YCloud-Developers/
ycloud-sdk-go, ``api/openapi.yaml``, MIT license) and from its pages on webhook events; do
not edit it by hand. For type checkers: at run time the data is a plain ``dict``, and what
YCloud adds is in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, TypeVar, overload

if sys.version_info >= (3, 11):  # pragma: no cover
    from typing import NotRequired
else:  # pragma: no cover  (SQLAlchemy brings it)
    from typing_extensions import NotRequired

if TYPE_CHECKING:
    from .protocol import Event

'''

MAPPING = '''

#: The payload types of each documented event type.
PAYLOADS: dict[str, tuple[Any, ...]] = {{
{rows}
}}

DataT = TypeVar("DataT")
ResultT = TypeVar("ResultT")


class Subscribe(Protocol[DataT]):
    """A decorator of handlers whose events have this data."""

    def __call__(
        self, handler: Callable[[Event[DataT]], ResultT], /
    ) -> Callable[[Event[DataT]], ResultT]: ...


class OnEvent(Protocol):
    """What ``on_event`` is to a type checker: it knows the data of each event type."""
{overloads}
    @overload
    def __call__(
        self,
        *types: str,
        name: str | None = None,
        timeout: float | None = None,
        retry_delays: Sequence[float] | None = None,
    ) -> Subscribe[Any]: ...
'''

OVERLOAD = """
    @overload
    def __call__(
        self,
        event_type: Literal[{names}],
        /,
        *,
        name: str | None = None,
        timeout: float | None = None,
        retry_delays: Sequence[float] | None = None,
    ) -> Subscribe[{data}]: ...
"""


def schemas() -> dict[str, Any]:
    """The schema with the additions merged over it, object by object."""
    merged: dict[str, Any] = yaml.safe_load((HERE / "openapi.yaml").read_text("utf-8"))
    added = yaml.safe_load((HERE / "additions.yaml").read_text("utf-8"))
    for name, addition in added.items():
        schema = merged.setdefault(name, {})
        properties = schema.get("properties", {}) | addition.get("properties", {})
        schema.update(addition)
        schema["properties"] = properties
    return merged


def typed_dicts(models: dict[str, Any]) -> str:
    """What datamodel-code-generator makes of the schemas, without its imports."""
    document = {
        "openapi": "3.0.0",
        "info": {"title": "YCloud", "version": "v2"},
        "paths": {},
        "components": {"schemas": models},
    }
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "openapi.json", Path(folder) / "made.py"
        source.write_text(json.dumps(document))
        command = ["datamodel-codegen", "--input", str(source), "--output", str(made)]
        command += [
            "--input-file-type",
            "openapi",
            "--output-model-type",
            "typing.TypedDict",
        ]
        command += ["--target-python-version", "3.10", "--enum-field-as-literal", "all"]
        command += ["--use-schema-description", "--use-field-description"]
        command += ["--use-standard-collections", "--use-union-operator"]
        command += [
            "--collapse-root-models",
            "--disable-timestamp",
            "--formatters",
            "builtin",
        ]
        subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:]], check=True
        )
        text = made.read_text("utf-8")
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(("class ", "Whats")))
    return "\n".join(lines[start:])


def payloads_of(event_type: EventType) -> list[str]:
    """The names of the types of an event type's data."""
    names = []
    for each in event_type.properties:
        name = each[0].upper() + each[1:]
        name = {"WhatsappGroup": "WhatsappGroupWebhook"}.get(name, name)
        # Other names that the same object is seen under.
        if name not in {"SmsMessage", "UnsubscriberChanged"}:
            names.append(name)
    return names


def main() -> None:
    by_data: dict[str, list[str]] = {}
    rows = []
    for event_type in EVENT_TYPES.values():
        names = payloads_of(event_type)
        by_data.setdefault(" | ".join(names), []).append(f'"{event_type.name}"')
        rows.append(f'    "{event_type.name}": ({", ".join(names)},),')
    overloads = "".join(
        OVERLOAD.format(names=", ".join(names), data=data)
        for data, names in by_data.items()
    )
    tail = MAPPING.format(rows="\n".join(rows), overloads=overloads)
    TARGET.write_text(HEAD + typed_dicts(schemas()) + tail, "utf-8")
    ruff = str(Path(sys.executable).parent / "ruff")
    subprocess.run([ruff, "format", "--quiet", str(TARGET)], check=True)


if __name__ == "__main__":
    main()
