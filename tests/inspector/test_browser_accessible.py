"""Each page in a real browser: axe-core finds nothing, and nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page

from flask_ycloud import Discard, Retry, on_event
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.protocol import body_id
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import PATH, body_of, deliver
from .browsing import chromium, opened, served

TYPE = "sms.message.updated"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """An app with something of everything on its pages."""
    app = make_app(
        TESTING=False, YCLOUD_DISPATCH="inline", YCLOUD_RETRY_DELAYS=[60],
        YCLOUD_INSPECTOR_TITLE="shop, staging",
    )  # fmt: skip
    app.register_blueprint(InspectorBlueprint(access=lambda: True))

    @on_event("contact.*", name="shop.crm:sync", retry_delays=[])
    def fail(event: Any) -> None:
        raise ConnectionError

    @on_event(TYPE, name="shop.calls:wait")
    def wait(event: Any) -> None:
        raise Retry(after=300) if event.data.get("text") == "wait" else Discard("not ours")

    on_event(TYPE, name="shop:archive")(lambda event: None)
    on_event("whatsapp.inbound_message.received", name="shop:chat")(lambda event: None)
    for body in (body_of("contact.created"), b"not an event", b"\xff" * 70):
        deliver(app, body)
    deliver(app, body_of(id="evt_waits", sms={"id": "1", "text": "wait"}))
    deliver(app, body_of(id="evt_long_" + "x" * 200))
    deliver(app, body_of("whatsapp.template.reviewed", id="evt_unhandled"))
    deliver(app, body_of("whatsapp.inbound_message.received", id="evt_done"))
    deliver(
        app, body_of("whatsapp.inbound_message.received", id="evt_done", apiVersion="v3")
    )
    app.test_client().post(PATH, data=b"x")
    runtime = runtime_of(app)
    runtime.rejections.write()
    runtime.inbox.pause(handler="shop.crm:sync")
    runtime.inbox.pause(type="whatsapp.message.*")
    return app


PAGES = (
    "", "?state=dead", "?state=pending&type=sms.*", "?type=nothing.like.it", "?id=evt_gone",
    "causes", "activity", "activity?span=week&type=sms.*", "pauses?handler=shop.crm:sync",
    "send", "send?type=whatsapp.inbound_message.received&variant=image", "no/such/page",
    "events/evt_waits", "events/evt_done", "events/evt_unhandled",
    f"events/{body_id(b'not an event')}", f"events/evt_long_{'x' * 200}",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_each_page(browser: Browser, app: Flask, size: str, scheme: Any) -> None:
    width, height = SIZES[size]
    viewport: Any = {"width": width, "height": height}
    with (
        served(app) as url,
        opened(browser, url, viewport=viewport, color_scheme=scheme) as page,
    ):
        for path in PAGES:
            page.goto(url + path)
            check(page, width, path)
        paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) > 384) == (scheme == "light")
        for name in ("Replay", "Discard", "Delete"):
            page.goto(f"{url}?state=dead")
            with page.expect_navigation():
                page.get_by_role("button", name=f"{name} all").click()
            check(page, width, f"{name}?")
        page.goto(f"{url}send")
        with page.expect_navigation():
            page.get_by_role("button", name="Send", exact=True).click()
        check(page, width, "sent")
        page.goto(url)
        if size == "phone":
            page.get_by_text("Search and filters").click()
        page.get_by_text("More filters").click()
        check(page, width, "all filters")
        page.goto(f"{url}activity")
        for each in page.locator("summary").all():
            each.click()
        check(page, width, "the tables of the activity")


def test_an_empty_inbox(browser: Browser, make_app: MakeApp) -> None:
    app = make_app(TESTING=False)
    app.register_blueprint(InspectorBlueprint(access=lambda: "read"))
    viewport: Any = {"width": 390, "height": 844}
    with served(app) as url, opened(browser, url, viewport=viewport) as page:
        for path in ("", "?state=dead", "causes", "activity", "pauses", "send"):
            page.goto(url + path)
            check(page, 390, path)


PLACEHOLDERS_CUT_OFF = """() => {
    const pen = document.createElement("canvas").getContext("2d");
    const isCutOff = (field) => {
        const style = getComputedStyle(field);
        pen.font = `${style.fontSize} ${style.fontFamily}`;
        const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
        return pen.measureText(field.placeholder).width > field.clientWidth - padding;
    };
    return [...document.querySelectorAll("[placeholder]")]
        .filter((field) => field.clientWidth && isCutOff(field))
        .map((field) => field.placeholder);
}"""


def check(page: Page, width: int, path: str) -> None:
    found = Axe().run(page)
    wrong = [
        (each["id"], [node["html"] for node in each["nodes"]][:3])
        for each in found.response["violations"]
    ]
    assert wrong == [], path
    cut = page.evaluate(PLACEHOLDERS_CUT_OFF)
    assert cut == [], f"{path!r} has fields that are too short for their placeholders"
    scrolls = page.evaluate("document.documentElement.scrollWidth")
    assert scrolls <= width, f"{path!r} scrolls sideways"


def test_the_machinery_finds_faults(browser: Browser) -> None:
    """A page without a name, and with an image without a text."""
    page = browser.new_page()
    page.set_content("<img src='data:,'>")
    found = {each["id"] for each in Axe().run(page).response["violations"]}
    page.close()
    assert {"image-alt", "document-title"} <= found
