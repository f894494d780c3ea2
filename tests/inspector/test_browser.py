"""The inspector in a real browser, as a person uses it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Error, Page, expect

from flask_ycloud import on_event
from flask_ycloud.inspector import InspectorBlueprint
from flask_ycloud.runtime import runtime_of

from ..conftest import MakeApp
from ..support import SECRET, body_of, deliver, eventually, id_of
from .browsing import PASSWORD, chromium, opened, served

TYPE = "sms.message.updated"
INBOUND = "whatsapp.inbound_message.received"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def app(make_app: MakeApp) -> Iterator[Flask]:
    app = make_app(
        TESTING=False, YCLOUD_DISPATCH="worker", YCLOUD_RETRY_DELAYS=[],
        YCLOUD_INSPECTOR_PASSWORD=PASSWORD,
    )  # fmt: skip
    app.register_blueprint(InspectorBlueprint())
    with served(app) as url:
        app.config["URL"] = url
        yield app


@pytest.fixture
def page(browser: Browser, app: Flask) -> Iterator[Page]:
    options: Any = {"permissions": ["clipboard-read", "clipboard-write"]}
    with opened(
        browser, app.config["URL"], timezone_id="Asia/Tokyo", locale="en-GB", **options
    ) as page:
        yield page


def send(app: Flask, event_type: str = TYPE, **changes: Any) -> str:
    body = body_of(event_type, **changes)
    assert deliver(app, body).status_code == 200
    return id_of(body)


def test_an_event_arrives_live_and_is_opened(app: Flask, page: Page) -> None:
    expect(page.get_by_text("Nothing has arrived yet.")).to_be_visible()
    on_event(TYPE, name="app:track")(lambda event: None)
    event_id = send(app)
    link = page.get_by_role("link", name=event_id)
    expect(link).to_be_visible(timeout=10_000)
    expect(page.get_by_text("0 pending")).to_be_visible()
    link.click()
    expect(page.get_by_role("heading", name=event_id)).to_be_visible()
    expect(page.get_by_text("app:track succeeded at attempt 1")).to_be_visible()
    expect(page.locator("#payload")).to_contain_text('"apiVersion": "v2"')


def test_the_counts_and_the_page_of_an_event_are_live(app: Flask, page: Page) -> None:
    inbox = runtime_of(app).inbox
    fails = [True]

    @on_event(TYPE, name="app:shaky", retry_delays=[3600])
    def shaky(event: Any) -> None:
        if fails:
            raise ValueError

    event_id = send(app)
    expect(page.get_by_role("link", name="1 pending")).to_be_visible(timeout=10_000)
    expect(page.get_by_text("Pending: 1 for a retry")).to_be_visible()
    page.goto(f"{app.config['URL']}events/{event_id}")
    expect(page.get_by_text("attempt 2 of 2 in 1 h")).to_be_visible()
    fails.clear()
    inbox.replay(event_id)
    expect(page.get_by_text("app:shaky succeeded at attempt 1")).to_be_visible(
        timeout=10_000
    )
    assert page.locator("#status").get_attribute("hx-get") is None, "it is settled"


def test_updates_can_be_paused_and_leave_a_choice_alone(app: Flask, page: Page) -> None:
    first = send(app)
    page.goto(f"{app.config['URL']}?type={TYPE}")
    page.get_by_label(f"Choose {first}").check()
    second = send(app)
    asked = page.expect_request(
        lambda request: "/live-counts" in request.url, timeout=10_000
    )
    with asked, page.expect_request(lambda request: "/live-counts" in request.url):
        pass
    expect(page.get_by_role("link", name=second)).not_to_be_attached()
    page.get_by_label(f"Choose {first}").uncheck()
    page.get_by_role("button", name="Pause updates").click()
    expect(page.get_by_text("Updates are paused")).to_be_visible()
    with page.expect_request(lambda request: "/live-counts" in request.url, timeout=10_000):
        pass
    expect(page.get_by_role("link", name=second)).not_to_be_attached()
    page.get_by_role("button", name="Pause updates").click()
    expect(page.get_by_role("link", name=second)).to_be_visible(timeout=10_000)


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
    expect(page.get_by_role("heading", name="Dead letters", exact=True)).to_be_visible()
    page.get_by_label(f"Choose {ids[0]}").press("Space")
    page.get_by_role("button", name="Replay the chosen").press("Enter")
    expect(page.get_by_role("heading", name="Replay 1 event?")).to_be_visible()
    expect(page.get_by_role("button", name="Replay")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("1 event queued for replay.")
    eventually(lambda: runs.count(ids[0]) == 2)
    assert runs.count(ids[1]) == 1
    page.goto(f"{app.config['URL']}?state=dead&type=sms")
    expect(page.get_by_text("type sms.*")).to_be_visible()
    page.get_by_role("button", name="Replay this one").click()
    page.get_by_role("link", name="No").click()
    assert page.url.endswith("?state=dead&type=sms.%2A")
    page.get_by_label("all on this page").check()
    expect(page.get_by_label(f"Choose {ids[1]}")).to_be_checked()
    page.get_by_role("button", name="Replay this one").click()
    page.get_by_role("button", name="Replay", exact=True).click()
    eventually(lambda: runs.count(ids[1]) == 2)
    assert "state=dead&type=sms" in page.url, "back at the same filter"


CAUSES = {"shop:crm": ("contact.created", ConnectionError, 2500),
          "shop:mail": ("email.delivery.updated", ValueError, 1500),
          "shop:sms": (TYPE, KeyError, 1000)}  # fmt: skip


def test_five_thousand_dead_letters_are_worked_off(
    app: Flask, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three causes one is replayed, one discarded, one left; all on the pages."""
    monkeypatch.setattr("flask_ycloud.inspector.acting._SECONDS", 0.05)
    inbox = runtime_of(app).inbox
    broken = set(CAUSES)

    def subscribe(name: str, event_type: str, error: type[Exception]) -> None:
        @on_event(event_type, name=name)
        def handle(event: Any) -> None:
            if name in broken:
                raise error(event.id)

    for name, (event_type, error, _) in CAUSES.items():
        subscribe(name, event_type, error)
    for event_type, _, number in CAUSES.values():
        for each in range(number):
            event_id = f"{event_type}.{each}"
            inbox.accept(
                event_id,
                body_of(event_type, id=event_id),
                endpoint="ycloud",
                event_type=event_type,
            )
    page.goto(f"{app.config['URL']}pauses")
    eventually(lambda: inbox.stats().dead == 5000, seconds=120)
    page.get_by_role("link", name="Dead letters by cause").click()
    counts = page.locator("td.count")
    expect(counts).to_have_text(["2,500", "1,500", "1,000"])

    broken.remove("shop:crm")  # it is repaired
    page.get_by_role("button", name="Replay 2500 of shop:crm").click()
    expect(page.get_by_role("heading", name="Replay 2,500 events?")).to_be_visible()
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("status")).to_have_text(
        "2,500 events queued for replay.", timeout=60_000
    )

    page.get_by_role("link", name="Dead letters by cause").click()
    page.get_by_role("button", name="Discard 1500 of shop:mail").click()
    page.get_by_label("Reason").fill("the mails are out of date")
    page.get_by_role("button", name="Discard", exact=True).click()
    expect(page.get_by_role("status")).to_have_text(
        "1,500 events discarded.", timeout=60_000
    )

    page.get_by_role("link", name="Dead letters by cause").click()
    expect(counts).to_have_text(["1,000"])
    eventually(lambda: inbox.stats().pending + inbox.stats().running == 0, seconds=60)
    stats = inbox.stats()
    assert (stats.dead, stats.discarded) == (1000, 1500)
    assert inbox.select(state="done", handler="shop:crm").count() == 2500
    (one,) = inbox.select(state="discarded", ids=["email.delivery.updated.7"])
    assert one.reason == "the mails are out of date"


def test_a_handler_is_paused_and_resumed(app: Flask, page: Page) -> None:
    on_event(TYPE, name="app:track")(lambda event: None)
    page.get_by_role("link", name="Pauses").click()
    page.get_by_label("Handler").fill("app:track")
    page.get_by_role("button", name="Pause the handler").click()
    expect(page.get_by_role("status")).to_have_text("Paused: handler app:track.")
    event_id = send(app)
    page.goto(f"{app.config['URL']}events/{event_id}")
    expect(page.get_by_text("app:track is paused")).to_be_visible(timeout=10_000)
    expect(page.locator(".banner")).to_contain_text("Paused: handler app:track.")
    page.get_by_role("link", name="Look at the pauses").click()
    page.get_by_role("button", name="Resume handler app:track").click()
    expect(page.get_by_text("Nothing is paused.")).to_be_visible()
    expect(page.locator(".banner")).not_to_be_attached()
    page.goto(f"{app.config['URL']}events/{event_id}")
    expect(page.get_by_text("app:track succeeded")).to_be_visible(timeout=10_000)


def test_a_sample_is_sent(app: Flask, page: Page) -> None:
    seen: list[str] = []
    on_event(INBOUND, name="app:reply")(lambda event: seen.append(event.data["type"]))
    page.goto(f"{app.config['URL']}send")
    body = page.get_by_label("Body")
    page.get_by_role("combobox", name="Type").select_option(INBOUND)
    expect(body).to_have_value(re.compile('"whatsappInboundMessage"'))
    # Until then htmx does not know the new form. No person is so quick.
    expect(page.locator(".htmx-added, .htmx-settling")).to_have_count(0)
    page.get_by_role("combobox", name="Variant").select_option("image")
    expect(body).to_have_value(re.compile('"type": "image"'))
    first = body.input_value()
    page.get_by_role("button", name="Send", exact=True).click()
    accepted = page.get_by_role("status")
    expect(accepted).to_contain_text('Answered 200 {"status": "accepted"}')
    assert body.input_value() != first, "the id is new"
    page.get_by_role("button", name="Send", exact=True).click()
    expect(accepted).to_contain_text('Answered 200 {"status": "accepted"}')
    eventually(lambda: seen == ["image", "image"])
    accepted.get_by_role("link").click()
    expect(page.get_by_text("app:reply succeeded")).to_be_visible(timeout=10_000)
    page.get_by_role("link", name="Send this again as a sample").click()
    assert '"type": "image"' in body.input_value()
    page.get_by_role("button", name="Send", exact=True).click()
    eventually(lambda: len(seen) == 3)


def test_what_is_copied_and_downloaded(app: Flask, page: Page) -> None:
    body = body_of(sms={"text": 'it\'s $HOME `x` \\ "é"\n'})
    deliver(app, body)
    page.goto(f"{app.config['URL']}events/{id_of(body)}")
    page.get_by_role("button", name="Copy the id").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert copied(page) == id_of(body)
    page.get_by_role("button", name="Copy the payload").click()
    expect(page.get_by_text("Copied")).to_have_count(2)
    assert '"apiVersion": "v2"' in copied(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the exact body").click()
    assert download.value.path().read_bytes() == body
    assert download.value.suggested_filename == f"{id_of(body)}.json"
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_text("Copied").last).to_be_visible()
    eventually(lambda: "curl" in copied(page))
    command = copied(page)
    assert SECRET not in command
    run = subprocess.run(
        ["sh", "-c", command],
        env={"YCLOUD_WEBHOOK_SECRET": SECRET, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert '{"status": "duplicate"}' in run.stdout, run


def copied(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_times_are_local(app: Flask, page: Page) -> None:
    inbox = runtime_of(app).inbox
    inbox.clock = lambda: 1_780_000_000.0  # 2026-05-28 20:26:40 UTC
    inbox.accept("evt_1", b"{}", endpoint="ycloud", event_type=None, dead="odd")
    page.goto(f"{app.config['URL']}events/evt_1")
    received = page.locator(".timeline time").first
    expect(received).to_have_text("29 May 2026, 05:26:40.000")
    expect(received).to_have_attribute("title", "2026-05-28 20:26:40.000 UTC")
    page.goto(app.config["URL"])
    page.get_by_text("More filters").click()
    page.get_by_label("Since (your time)").fill("2026-05-29T05:00")
    page.get_by_label("Until (your time)").fill("2026-05-29T06:00")
    page.get_by_role("button", name="Apply the filters").click()
    assert "since=2026-05-28T20%3A00&until=2026-05-28T21%3A00" in page.url
    expect(page.get_by_role("link", name="evt_1")).to_be_visible()
    expect(page.get_by_label("Since (your time)")).to_have_value("2026-05-29T05:00")


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


def test_a_hostile_payload_is_only_text(app: Flask, page: Page) -> None:
    evil = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
    body = body_of(sms={"text": evil})
    deliver(app, body)
    page.goto(f"{app.config['URL']}events/{id_of(body)}")
    expect(page.locator("#payload")).to_contain_text(evil)
    assert page.title().startswith("evt_")
    page.goto(app.config["URL"])
    expect(page.locator(".summary")).to_contain_text(evil[:40])


def test_enter_does_not_delete(app: Flask, page: Page) -> None:
    event_id = send(app)
    page.goto(f"{app.config['URL']}events/{event_id}")
    page.get_by_role("button", name="Delete …").click()
    delete = page.get_by_role("button", name="Delete", exact=True)
    expect(delete).to_be_visible()
    expect(delete).not_to_be_focused()
    delete.click()
    expect(page.get_by_role("status")).to_have_text("1 event deleted.")
