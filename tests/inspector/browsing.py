"""A real browser for tests of the inspector: Debian's Chromium, without a window."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from flask_ycloud.runtime import runtime_of

PASSWORD = "open sesame"
_NOT_FOUND = "status of 404"
# A test may have clicked before the page was there.
_HARMLESS = (_NOT_FOUND, "Autofocus processing was blocked")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; the test is skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        reason = "There is no Chromium: make chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-background-networking", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=program, args=quiet)
        yield browser
        browser.close()


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an app; gives the URL of its inspector."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ycloud/inspector/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        runtime_of(app).dispatcher.stop()


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """A page of a fresh browser, in which nothing may go wrong."""
    credentials: Any = {"username": "me", "password": PASSWORD}
    context = browser.new_context(http_credentials=credentials, **options)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    wrong = [each for each in wrong if not any(known in each for known in _HARMLESS)]
    assert wrong == [], "no script failed, and nothing broke the policy"
