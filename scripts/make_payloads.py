"""Generate ``flask_ycloud/payloads.py`` from YCloud's schema and additions by its pages.

    make payloads

``payloads/openapi.yaml`` is a part of YCloud's OpenAPI document, and
``payloads/additions.yaml`` is merged over it. A key is required if all samples have it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flask_ycloud.protocol import EVENT_TYPES

from .payloads import overloads
from .payloads.classes import Classes
from .payloads.schema import load, required_keys

TARGET = Path(__file__).parent.parent / "flask_ycloud" / "payloads.py"

HEAD = '''"""A ``TypedDict`` for the data of each event type, and the types of ``on_event``.

Made by ``scripts/make_payloads.py`` from YCloud's OpenAPI document (YCloud-Developers/
ycloud-sdk-go, ``api/openapi.yaml``, MIT license) and from its pages on webhook events; do
not edit it by hand. For type checkers and for pydantic: at run time the data is a plain
``dict``, and what YCloud adds is in it.
"""

# No annotations from __future__: they would hide NotRequired from __required_keys__.

from collections.abc import Callable, Sequence
from typing import (
    TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, final, get_args, overload
)

# Not from typing: pydantic asks for this one below Python 3.12.
from typing_extensions import NotRequired, TypedDict

if TYPE_CHECKING:
    from typing_extensions import Never as _Absent
else:
    _Absent = None  # pydantic has no Never

# No class body can have a key that is a word of Python.
_HasFrom = TypedDict("_HasFrom", {"from": str})
_MayHaveFrom = TypedDict("_MayHaveFrom", {"from": NotRequired[str]})

'''

MAPPING = """
#: The data of any documented event.
Payload: TypeAlias = (
    {payloads}
)

#: The payload types of each documented event type; of a union, its members.
PAYLOADS: dict[str, tuple[Any, ...]] = {{
{rows}
}}
"""


def mapping(unions: set[str]) -> str:
    """Return the table of payload types by event type, and a union of all types."""
    by_type = {each.name: overloads.payload_names(each) for each in EVENT_TYPES.values()}
    payloads = dict.fromkeys(name for names in by_type.values() for name in names)
    rows = []
    for event_type, names in by_type.items():
        members = [f"*get_args({n})" if n in unions else n for n in names]
        rows.append(f'    "{event_type}": ({", ".join(members)},),')
    return MAPPING.format(payloads="\n    | ".join(payloads), rows="\n".join(rows))


def formatted(text: str) -> str:
    """Format the text with ruff."""
    ruff = [str(Path(sys.executable).parent / "ruff"), "format", "-"]
    ran = subprocess.run(ruff, input=text, stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout


def text() -> str:
    """Return the text of the module."""
    schemas = load()
    unions = {name for name, schema in schemas.items() if "x-tagged" in schema}
    roots = [n for each in EVENT_TYPES.values() for n in overloads.payload_names(each)]
    classes = Classes(schemas, required_keys(schemas)).text(roots)
    return formatted(HEAD + classes + mapping(unions) + overloads.text())


def main() -> None:
    TARGET.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
