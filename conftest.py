"""The code in the documents is run as it is written."""

from typing import Any

from sybil import Sybil
from sybil.parsers.rest import DocTestParser, PythonCodeBlockParser

from flask_ycloud.handlers.registry import everywhere


def _forget_handlers(_: dict[str, Any]) -> None:
    everywhere._by_name.clear()
    for signal in everywhere.signals._namespace.values():
        signal._clear_state()


def _be_a_module(namespace: dict[str, Any]) -> None:
    namespace["__name__"] = "documented"


pytest_collect_file = Sybil(
    parsers=[DocTestParser(), PythonCodeBlockParser()],
    patterns=["README.rst", "docs/*.rst"],
    excludes=["docs/tutorial.rst", "docs/payloads/*"],  # tests/test_tutorial.py follows it
    setup=_be_a_module,
    teardown=_forget_handlers,
).pytest()
