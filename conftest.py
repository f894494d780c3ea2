"""The code in the documents is run as it is written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import flask
from flask.globals import app_ctx
from sybil import Document, Example, Region, Sybil
from sybil.parsers.rest import DocTestParser, PythonCodeBlockParser
from sybil.typing import Evaluator, Parser

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


def _in_order(parse: Parser) -> Parser:
    """Run the examples above it first, each once: tests in parallel divide a page."""

    def regions(document: Document) -> Iterator[Region]:
        for region in parse(document):
            assert region.evaluator is not None
            region.evaluator = evaluator(region.evaluator)
            yield region

    def evaluator(evaluate: Evaluator) -> Evaluator:
        def evaluate_in_order(example: Example) -> str | None:
            if example.start in example.namespace["_ran"]:
                return None
            example.namespace["_ran"].add(example.start)
            for each in example.document.examples():
                if each.start < example.start:
                    each.evaluate()
            return evaluate(example)

        return evaluate_in_order

    return regions


pytest_collect_file = Sybil(
    parsers=[_in_order(DocTestParser()), _in_order(PythonCodeBlockParser())],
    patterns=["README.rst", "docs/*.rst"],
    excludes=["docs/tutorial.rst", "docs/payloads/*"],  # tests/test_tutorial.py follows it
    setup=_be_a_module,
    teardown=_leave_nothing,
).pytest()
