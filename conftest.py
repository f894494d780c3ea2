"""The code in the documents is run as it is written."""

import os
import tempfile
from typing import Any

from sybil import Sybil
from sybil.parsers.rest import DocTestParser, PythonCodeBlockParser

from flask_ycloud.handlers.registry import everywhere


def _forget_handlers(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_started_in"])
    namespace["_folder"].cleanup()
    everywhere._by_name.clear()
    for signal in everywhere.signals._namespace.values():
        signal._clear_state()


def _be_a_module(namespace: dict[str, Any]) -> None:
    namespace["__name__"] = "documented"
    namespace["_started_in"] = os.getcwd()
    namespace["_folder"] = folder = tempfile.TemporaryDirectory()
    os.chdir(folder.name)


pytest_collect_file = Sybil(
    parsers=[DocTestParser(), PythonCodeBlockParser()],
    patterns=["README.rst", "docs/*.rst"],
    excludes=["docs/tutorial.rst", "docs/payloads/*"],  # tests/test_tutorial.py follows it
    setup=_be_a_module,
    teardown=_forget_handlers,
).pytest()
