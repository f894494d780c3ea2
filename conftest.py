"""The code in the documents is run as it is written."""

import os
import tempfile
from contextlib import suppress
from typing import Any

import flask
import pytest
from flask.globals import app_ctx
from sybil import Sybil
from sybil.integration.pytest import SybilItem
from sybil.parsers.rest import DocTestParser, PythonCodeBlockParser

from flask_ycloud.errors import YCloudError
from flask_ycloud.handlers.registry import everywhere
from flask_ycloud.runtime import runtime_of


def _leave_nothing(namespace: dict[str, Any]) -> None:
    for each in list(namespace.values()):
        if isinstance(each, flask.Flask) and "ycloud" in each.extensions:
            with suppress(YCloudError):  # it shows a mistake
                runtime_of(each).dispatcher.stop()
    os.chdir(namespace["_started_in"])
    os.environ.clear()
    os.environ.update(namespace["_environ"])
    while flask.has_app_context():  # the example that ends it may be run in another process
        app_ctx.pop()
    namespace["_folder"].cleanup()
    everywhere._by_name.clear()
    for signal in everywhere.signals._namespace.values():
        signal._clear_state()


def _be_a_module(namespace: dict[str, Any]) -> None:
    namespace.clear()
    namespace["__name__"] = "documented"
    namespace["_ran"] = set()
    namespace["_environ"] = dict(os.environ)
    namespace["_started_in"] = os.getcwd()
    namespace["_folder"] = folder = tempfile.TemporaryDirectory(
        ignore_cleanup_errors=True  # the threads of an app may still use it
    )
    os.chdir(folder.name)


def pytest_runtest_call(item: pytest.Item) -> None:
    """Run the examples above it first: another process may run their tests, or none."""
    if isinstance(item, SybilItem):
        ran = item.example.namespace["_ran"]
        for above in item.example.document.examples():
            if above.start < item.example.start and above.start not in ran:
                ran.add(above.start)
                above.evaluate()
        ran.add(item.example.start)


pytest_collect_file = Sybil(
    parsers=[DocTestParser(), PythonCodeBlockParser()],
    patterns=["README.rst", "docs/*.rst"],
    excludes=["docs/tutorial.rst", "docs/payloads/*"],  # tests/test_tutorial.py follows it
    setup=_be_a_module,
    teardown=_leave_nothing,
).pytest()
