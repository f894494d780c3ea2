"""The types of event data: true of every sample, and known to two type checkers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from flask_ycloud import payloads
from flask_ycloud.payloads import PAYLOADS
from flask_ycloud.protocol import EVENT_TYPES, parse_event

from .support import samples

TYPING = Path(__file__).parent / "typing"
BIN = Path(sys.executable).parent


def misfits(value: Any, kind: Any, path: str) -> Iterator[str]:
    """Where a value is not what its type says: keys, literals, and kinds of JSON."""
    origin, arguments = get_origin(kind), get_args(kind)
    if getattr(origin, "__name__", "") == "NotRequired":
        yield from misfits(value, arguments[0], path)
    elif is_typeddict(kind):
        hints = get_type_hints(kind, vars(payloads), include_extras=True)
        for key in value:
            if key not in hints:
                yield f"{path}.{key} is not in {kind.__name__}"
            else:
                yield from misfits(value[key], hints[key], f"{path}.{key}")
        for key, hint in hints.items():
            optional = getattr(get_origin(hint), "__name__", "") == "NotRequired"
            if key not in value and not optional:
                yield f"{path}.{key} is missing"
    elif origin is list:
        for number, each in enumerate(value):
            yield from misfits(each, arguments[0], f"{path}[{number}]")
    elif origin is dict:
        for key, each in value.items():
            yield from misfits(each, arguments[1], f"{path}.{key}")
    elif origin is Literal:
        if value not in arguments:
            yield f"{path} is {value!r}"
    elif kind is float:
        if not isinstance(value, (int, float)):
            yield f"{path} is no number"
    elif kind is not Any and not isinstance(value, kind):
        yield f"{path} is no {kind.__name__}"


@pytest.mark.parametrize(("name", "body"), samples())
def test_no_sample_has_a_key_that_its_type_lacks(name: str, body: bytes) -> None:
    data = parse_event(body).data
    fits = [list(misfits(data, each, "data")) for each in PAYLOADS[name]]
    if name == "whatsapp.smb.history" and set(data) == {"phase", "progress"}:
        return  # only how far it is: no message, says the page
    assert [] in fits, fits


def test_every_event_type_has_a_payload_type() -> None:
    assert list(PAYLOADS) == list(EVENT_TYPES)


def test_the_check_itself_finds_what_is_wrong() -> None:
    wrong = {"id": 7, "surprise": 1, "status": "lost"}
    assert len(list(misfits(wrong, payloads.Sms, "data"))) == 4


def expected() -> set[int]:
    lines = (TYPING / "bad.py").read_text("utf-8").splitlines()
    return {n for n, line in enumerate(lines, 1) if line.endswith("# refused")}


def rejected(output: str) -> set[int]:
    return {int(line) for line in re.findall(r"bad\.py:(\d+)(?::\d+ -|:) error", output)}


def mypy(file: str) -> str:
    command = [sys.executable, "-m", "mypy", str(TYPING / file)]
    return subprocess.run(command, capture_output=True, text=True).stdout


def pyright(file: str) -> str:
    command = [str(BIN / "pyright"), "--pythonpath", sys.executable, str(TYPING / file)]
    ran = subprocess.run(command, capture_output=True, text=True)
    if "informations" not in ran.stdout and os.environ.get("CI") != "true":
        pytest.skip("pyright cannot fetch its program here")
    return ran.stdout


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_type_checkers_know_the_data(checker: Any) -> None:
    assert re.search(r"Success: no issues|^0 errors", checker("good.py"), re.M)
    assert rejected(checker("bad.py")) == expected() != set()
