"""The inspector in a real browser, as a person uses it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright
from werkzeug.serving import make_server

from flask_ycloud import on_event
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import body_of, deliver, eventually, id_of

TYPE = "sms.message.updated"
PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
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


@pytest.fixture
def app(make_app: MakeApp) -> Iterator[Flask]:
    app = make_app(
        TESTING=False, YCLOUD_DISPATCH="worker", YCLOUD_RETRY_DELAYS=[],
        YCLOUD_INSPECTOR_PASSWORD=PASSWORD,
    )  # fmt: skip
    app.register_blueprint(InspectorBlueprint())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    app.config["URL"] = f"http://127.0.0.1:{server.server_port}/ycloud/inspector/"
    yield app
    server.shutdown()
    thread.join()
    server.server_close()


def open_page(browser: Browser, app: Flask, **options: Any) -> Iterator[Page]:
    """A page of a fresh browser, in which nothing may go wrong."""
    credentials: Any = {"username": "me", "password": PASSWORD}
    context = browser.new_context(http_credentials=credentials, **options)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.goto(app.config["URL"])
    yield page
    context.close()
    assert wrong == [], "no script failed, and nothing broke the policy"


@pytest.fixture
def page(browser: Browser, app: Flask) -> Iterator[Page]:
    yield from open_page(browser, app)


def send(app: Flask, event_type: str = TYPE) -> str:
    body = body_of(event_type)
    assert deliver(app, body).status_code == 200
    return id_of(body)


def test_an_event_arrives_live_and_is_opened(app: Flask, page: Page) -> None:
    expect(page.get_by_text("No events.")).to_be_visible()
    on_event(TYPE, name="app:track")(lambda event: None)
    event_id = send(app)
    link = page.get_by_role("link", name=event_id)
    expect(link).to_be_visible(timeout=10_000)
    link.click()
    expect(page.get_by_role("heading", name=event_id)).to_be_visible()
    expect(page.get_by_text("app:track succeeded at attempt 1")).to_be_visible()
    expect(page.locator("pre").first).to_contain_text('"apiVersion": "v2"')


def test_a_dead_letter_is_replayed_by_keyboard(app: Flask, page: Page) -> None:
    fails = [True]
    runs: list[str] = []

    @on_event(TYPE, name="app:shaky")
    def shaky(event: Any) -> None:
        runs.append(event.id)
        if fails:
            raise ValueError

    ids = [send(app), send(app)]
    eventually(lambda: len(runtime_of(app).inbox.list(state="dead")) == 2)
    fails.clear()
    page.goto(app.config["URL"])
    page.get_by_role("link", name="2 dead").press("Enter")
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
    page.get_by_label(f"Choose {ids[0]}").press("Space")
    page.get_by_role("button", name="Replay the chosen").press("Enter")
    expect(page.get_by_role("heading", name="Replay 1 event?")).to_be_visible()
    expect(page.get_by_role("button", name="Replay")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("1 due again.")
    eventually(lambda: runs.count(ids[0]) == 2)
    assert runs.count(ids[1]) == 1
    page.goto(f"{app.config['URL']}?state=dead")
    page.get_by_role("button", name="Replay all dead letters").click()
    page.get_by_role("link", name="No").click()
    expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()
    page.get_by_role("button", name="Replay all dead letters").click()
    page.get_by_role("button", name="Replay", exact=True).click()
    eventually(lambda: runs.count(ids[1]) == 2)


def test_a_sample_is_sent(app: Flask, page: Page) -> None:
    seen: list[str] = []
    inbound = "whatsapp.inbound_message.received"
    on_event(inbound, name="app:reply")(lambda event: seen.append(event.data["type"]))
    page.get_by_role("link", name="Send a sample").click()
    page.get_by_role("combobox", name="Type").select_option(inbound)
    page.get_by_role("button", name="Show the sample").click()
    page.get_by_role("combobox", name="Variant").select_option("image")
    page.get_by_role("button", name="Show the sample").click()
    assert '"type": "image"' in page.get_by_label("Body").input_value()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_contain_text(
        'Answered 200 {"status": "accepted"}'
    )
    eventually(lambda: seen == ["image"])
    page.get_by_role("status").get_by_role("link").click()
    expect(page.get_by_text("app:reply succeeded")).to_be_visible()


@pytest.mark.parametrize(
    "credentials", [None, {"username": "me", "password": "close sesame"}]
)
def test_a_person_without_the_password_is_refused(
    browser: Browser, app: Flask, credentials: Any
) -> None:
    context = browser.new_context(http_credentials=credentials)
    page = context.new_page()
    statuses: set[int] = set()
    page.on("response", lambda response: statuses.add(response.status))
    with suppress(Error):  # how a browser without a window gives up asking
        page.goto(app.config["URL"])
    context.close()
    assert statuses == {401}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(browser: Browser, app: Flask, scheme: str) -> None:
    event_id = send(app, "whatsapp.inbound_message.received")
    phone = {"width": 360, "height": 740}
    for page in open_page(
        browser, app, viewport=phone, color_scheme=scheme, has_touch=True, is_mobile=True
    ):
        paths = ("", f"events/{event_id}", "activity", "send", "?state=dead")
        for path in paths:
            page.goto(app.config["URL"] + path)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360, f"{path!r} scrolls sideways"
        paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) > 384) == (scheme == "light")


def test_a_hostile_payload_is_only_text(app: Flask, page: Page) -> None:
    evil = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
    body = body_of(sms={"text": evil})
    deliver(app, body)
    page.goto(f"{app.config['URL']}events/{id_of(body)}")
    expect(page.locator("pre").first).to_contain_text(evil)
    assert page.title().startswith("evt_")
