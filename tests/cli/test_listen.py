"""``listen``: real processes, and a fake of YCloud's API."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, Response, request

from flask_ycloud import on_event, sign
from flask_ycloud.protocol import EVENT_TYPES
from flask_ycloud.testing import FakeYCloud, FakeYCloudAPI

from ..conftest import COVERING, MakeApp
from ..processes import _free_port
from ..support import SECRET, body_of, call, eventually, id_of
from ..ycloud_api import API_KEY, YCloudAPI, hang_up, problem

KEY = "key of acme"
TYPE = "sms.message.updated"
APP = """
import time
from flask import Flask
from flask_ycloud import WebhookBlueprint, on_event, ycloud_bp

app = Flask(__name__)
app.config.from_prefixed_env()
app.register_blueprint(ycloud_bp)
lookup = {"acme": "whsec_of_acme_0123456789abcdef"}.get
app.register_blueprint(
    WebhookBlueprint("many", url_prefix="/many/<tenant>", secrets=lambda t, e: lookup(t))
)
app.add_url_rule("/page", view_func=lambda: "a page")

@on_event("sms.message.updated", name="track")
def track(event):
    if event.data["status"] == "failed":
        raise RuntimeError("the number is +447901614024")
"""


class Laptop:
    """A folder with an app, and ``flask ycloud listen`` in it."""

    def __init__(self, folder: Path, api: FakeYCloudAPI) -> None:
        self.folder = folder
        self.api = api
        self.port = _free_port()
        (folder / "app.py").write_text(APP)
        self.environ = {
            **os.environ,
            **COVERING,
            "FLASK_YCLOUD_WEBHOOK_SECRET": SECRET,
            "FLASK_YCLOUD_API_URL": api.url,
            "FLASK_YCLOUD_API_KEY": KEY,
            "FLASK_YCLOUD_RETRY_DELAYS": "[60]",
        }
        self.process: subprocess.Popen[str] | None = None
        #: Methods of calls that YCloud refuses.
        self.refused: set[str] = set()
        #: Methods of calls that are neither carried out nor answered.
        self.dropped: set[str] = set()
        #: Methods of calls that are carried out and not answered.
        self.lost: set[str] = set()
        api.app.before_request_funcs[None].insert(0, self._refuse)
        api.app.after_request(self._lose)

    def _refuse(self) -> Response | None:
        if request.method in self.dropped:
            hang_up()
            return Response()
        return problem(403, "FORBIDDEN", "No.") if request.method in self.refused else None

    def _lose(self, response: Response) -> Response:
        if request.method in self.lost:
            hang_up()
        return response

    def start(self, *options: str, **environ: str) -> subprocess.Popen[str]:
        """Start it, and wait until it reports that it listens."""
        url = f"http://127.0.0.1:{self.port}"
        with (self.folder / "out").open("w") as out, (self.folder / "err").open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flask", "--app", "app", "ycloud", "listen", url,
                 "--port", str(self.port), *options],
                cwd=self.folder, env=self.environ | environ, stdout=out, stderr=err,
                text=True,
            )  # fmt: skip
        process = self.process
        eventually(lambda: "Listening" in self.err or process.poll() is not None)
        return process

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, and give the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text()

    @property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        return self.api.endpoints(KEY)

    @property
    def endpoint(self) -> dict[str, Any]:
        (found,) = self.endpoints.values()
        return found

    @property
    def files(self) -> list[str]:
        """The files of runs."""
        return [each.name for each in self.folder.glob("instance/ycloud-listen-*")]

    def sender(self) -> FakeYCloud:
        return self.api.sender(self.endpoint["id"])

    def said(self, *words: str) -> Callable[[], bool]:
        """Whether one line has all these words."""
        return lambda: any(
            all(word in line for word in words) for line in self.out.splitlines()
        )


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    with FakeYCloudAPI(KEY) as api:
        made = Laptop(tmp_path, api)
        yield made
        if made.process is not None and made.process.poll() is None:
            made.process.kill()
            made.process.wait(30)


def test_an_event_from_ycloud_to_its_handler(laptop: Laptop) -> None:
    laptop.start()
    assert "YCloud sends 1 event type to" in laptop.err
    endpoint = laptop.endpoint
    assert endpoint["url"] == f"http://127.0.0.1:{laptop.port}/ycloud/webhook"
    assert endpoint["enabledEvents"] == [TYPE]
    sent = laptop.sender().send(TYPE)
    assert sent.status == 200
    eventually(laptop.said(sent.event["id"], TYPE, "accepted", "to …4024"))
    eventually(laptop.said(sent.event["id"], "succeeded", "track", " s"))
    eventually(laptop.said(sent.event["id"], "done"))
    failed = laptop.sender().send(TYPE, status="failed")
    eventually(
        laptop.said(failed.event["id"], "failed", "track", "RuntimeError", "again in 6")
    )
    unhandled = laptop.sender().send("contact.created")
    eventually(laptop.said(unhandled.event["id"], "unhandled"))
    assert laptop.end() == 0
    assert laptop.endpoints == {}
    assert laptop.files == []
    shown = laptop.out + laptop.err
    assert endpoint["secret"] not in shown
    assert "447901614024" not in laptop.out
    assert "Deleting the endpoint." in laptop.err


def test_what_else_may_arrive(laptop: Laptop) -> None:
    laptop.start("--json")
    endpoint = laptop.endpoint

    def deliver(body: bytes) -> None:
        headers = {"YCloud-Signature": sign(body, endpoint["secret"])}
        assert httpx.post(endpoint["url"], content=body, headers=headers).status_code == 200

    first, other = body_of(), body_of("sms.inbound.received")
    deliver(first)
    eventually(laptop.said(id_of(first), '"done"'))
    deliver(first)
    eventually(laptop.said(id_of(first), '"duplicate"'))
    deliver(first.replace(b"delivered", b"failed"))
    eventually(laptop.said(id_of(first), '"conflict"'))
    deliver(other.replace(b'"from": "', b'"from": "no number '))
    eventually(laptop.said(id_of(other), '"unhandled"'))
    deliver(b"no JSON")
    eventually(laptop.said("sha256:", "(not understood)", '"accepted"'))
    assert laptop.end() == 0
    lines = [json.loads(line) for line in laptop.out.splitlines()]
    accepted = [each for each in lines if each["state"] == "accepted"]
    assert [each.keys() & {"to", "from"} for each in accepted] == [{"to"}, set(), set()]


def test_a_dead_letter(laptop: Laptop) -> None:
    laptop.start(FLASK_YCLOUD_RETRY_DELAYS="[]")
    failed = laptop.sender().send(TYPE, status="failed")
    eventually(laptop.said(failed.event["id"], "dead", "RuntimeError"))
    assert laptop.end() == 0


def test_as_json(laptop: Laptop) -> None:
    laptop.start("--json", "--event", "sms.*")
    sent = laptop.sender().send(TYPE)
    forger = FakeYCloud(url=laptop.endpoint["url"], secret=SECRET)
    assert (forger.send(TYPE).status, forger.send(TYPE).status) == (401, 401)
    eventually(laptop.said(sent.event["id"], '"done"'))
    eventually(lambda: laptop.out.count("mismatch") == 2)
    assert laptop.end() == 0
    lines = [json.loads(line) for line in laptop.out.splitlines()]
    by_state = {each["state"]: each for each in lines}
    assert by_state.keys() == {"accepted", "succeeded", "done", "rejected"}
    assert by_state["accepted"]["to"] == "…4024"
    assert by_state["succeeded"]["handler"] == "track"
    assert by_state["succeeded"]["seconds"] >= 0
    assert by_state["rejected"]["status"] == 401
    assert laptop.err.count("signs with the secret of the settings") == 1, "said once"


def test_the_types(laptop: Laptop) -> None:
    laptop.start("--event", "sms.*", "--event", "contact.created")
    assert laptop.endpoint["enabledEvents"] == [
        TYPE,
        "sms.inbound.received",
        "contact.created",
    ]
    assert laptop.end(signal.SIGTERM) == 0
    laptop.start("--event", "*")
    every = [each for each in EVENT_TYPES if each != "contact.attributes_changed"]
    assert laptop.endpoint["enabledEvents"] == every
    assert "Without contact.attributes_changed" in laptop.err
    assert laptop.end(signal.SIGHUP) == 0
    laptop.start("--event", "*", "--attribute", "tags")
    assert set(laptop.endpoint["enabledEvents"]) == set(EVENT_TYPES)
    assert laptop.end() == 0
    assert laptop.endpoints == {}


def test_only_the_webhook_is_served(laptop: Laptop) -> None:
    laptop.start()
    page = httpx.get(f"http://127.0.0.1:{laptop.port}/page")
    assert (page.status_code, "POST /ycloud/webhook only" in page.text) == (404, True)
    assert httpx.get(laptop.endpoint["url"]).status_code == 405


def test_of_a_tenant(laptop: Laptop) -> None:
    options = ("--endpoint", "many", "--tenant", "acme", "--api-key-env", "ACME")
    laptop.start(*options, ACME=KEY)
    assert laptop.endpoint["url"].endswith("/many/acme/webhook")
    sent = laptop.sender().send(TYPE)
    eventually(laptop.said(sent.event["id"], "succeeded", "tenant acme"))
    assert laptop.end() == 0


def test_events_are_handled_here_whatever_the_settings_say(laptop: Laptop) -> None:
    laptop.start(FLASK_YCLOUD_DISPATCH="manual")
    sent = laptop.sender().send(TYPE)
    eventually(laptop.said(sent.event["id"], "succeeded"))
    assert laptop.end() == 0


# What is left behind.


def test_a_killed_run_is_cleaned_up_by_the_next(laptop: Laptop) -> None:
    theirs = laptop.api.accounts[KEY].create(
        {"url": "https://example.org/in", "enabledEvents": [TYPE], "description": "ours"}
    )
    laptop.start()
    (left,) = laptop.endpoints.keys() - {theirs["id"]}
    laptop.end(signal.SIGKILL)
    assert left in laptop.endpoints
    assert laptop.files
    laptop.start()
    assert f"Deleted {left}, left by an earlier run." in laptop.err
    assert left not in laptop.endpoints
    assert len(laptop.endpoints) == 2
    assert laptop.end() == 0
    assert list(laptop.endpoints) == [theirs["id"]]
    assert laptop.files == []


def test_a_run_that_is_alive_is_left_alone(laptop: Laptop, tmp_path: Path) -> None:
    laptop.start()
    first, first_process = laptop.endpoint["id"], laptop.process
    laptop.port = _free_port()
    laptop.start()
    assert first in laptop.endpoints
    assert len(laptop.endpoints) == 2
    assert laptop.end() == 0
    assert list(laptop.endpoints) == [first]
    laptop.process = first_process
    assert laptop.end() == 0
    assert laptop.endpoints == {}


def test_an_endpoint_that_somebody_took_over_is_left_alone(laptop: Laptop) -> None:
    """It has our description, but its URL was changed."""
    laptop.start()
    left = laptop.endpoint
    laptop.end(signal.SIGKILL)
    left["url"] = "https://example.org/mine"
    laptop.start()
    assert left["id"] in laptop.endpoints
    assert laptop.end() == 0
    assert list(laptop.endpoints) == [left["id"]]


def test_another_account_is_cleaned_up_when_its_key_is_back(laptop: Laptop) -> None:
    laptop.api.add_account("key of beta")
    laptop.start()
    left = laptop.endpoint["id"]
    laptop.end(signal.SIGKILL)
    laptop.start(FLASK_YCLOUD_API_KEY="key of beta")
    assert left in laptop.endpoints
    assert laptop.end() == 0
    laptop.start()
    assert left not in laptop.endpoints
    assert laptop.end() == 0


def test_files_of_runs_that_nothing_is_left_of(laptop: Laptop) -> None:
    """Some are old, some are empty, and some are not ours."""
    folder = laptop.folder / "instance"
    folder.mkdir()
    old, empty, starting, foreign = (
        folder / f"ycloud-listen-{name}.db" for name in ("old", "empty", "starting", "x")
    )
    database = sqlite3.connect(old)
    database.execute("CREATE TABLE run (description TEXT, url TEXT)")
    database.execute("INSERT INTO run VALUES ('a', 'b')")
    database.commit()
    database.close()
    empty.touch()
    starting.touch()
    foreign.write_text("This is not a database. " * 100)
    for each in (old, empty):
        os.utime(each, (0, time.time() - 40 * 86_400))
    laptop.start()
    assert not old.exists()
    assert not empty.exists()
    assert starting.exists()
    assert foreign.exists()
    assert laptop.end() == 0


def test_ycloud_refuses_at_the_end(laptop: Laptop) -> None:
    laptop.start()
    left = laptop.endpoint["id"]
    laptop.refused.add("DELETE")
    assert laptop.end() == 0
    assert f"YCloud did not delete {left}" in laptop.err
    assert "The next run of flask ycloud listen tries it again." in laptop.err
    laptop.refused.clear()
    laptop.start()
    assert left not in laptop.endpoints
    assert laptop.end() == 0
    assert laptop.endpoints == {}


def test_somebody_else_has_deleted_it(laptop: Laptop) -> None:
    laptop.start()
    laptop.endpoints.clear()
    assert laptop.end() == 0
    assert "did not delete" not in laptop.err
    assert laptop.files == []


def test_the_answer_to_the_creation_is_lost(laptop: Laptop) -> None:
    laptop.lost.add("POST")
    assert laptop.start().wait(30) == 1
    assert "YCloud's API gave no answer" in laptop.err
    assert laptop.endpoints == {}
    assert laptop.files == []


def test_the_creation_may_still_be_carried_out(laptop: Laptop) -> None:
    laptop.dropped.add("POST")
    assert laptop.start().wait(30) == 1
    assert "YCloud's API gave no answer" in laptop.err
    assert laptop.files, "the next run tries again"


def test_ycloud_refuses_to_create_it(laptop: Laptop) -> None:
    laptop.refused.add("POST")
    assert laptop.start().wait(30) == 1
    assert "Error: " in laptop.err
    assert "FORBIDDEN" in laptop.err
    assert laptop.files == []
    assert "Traceback" not in laptop.err


def test_ycloud_gives_no_secret(laptop: Laptop) -> None:
    @laptop.api.app.after_request
    def without(response: Response) -> Response:
        if request.method == "POST":
            made = response.get_json()
            del made["secret"]
            response.set_data(json.dumps(made))
        return response

    assert laptop.start().wait(30) == 1
    assert "YCloud gave no secret" in laptop.err
    assert laptop.endpoints == {}


def test_the_port_is_taken(laptop: Laptop) -> None:
    with socket.create_server(("127.0.0.1", laptop.port)):
        assert laptop.start().wait(30) == 1
    assert f"Port {laptop.port} is in use" in laptop.err
    assert laptop.endpoints == {}


def test_a_closed_terminal_after_nohup_does_not_end_it(laptop: Laptop) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = laptop.start()
    finally:
        signal.signal(signal.SIGHUP, before)
    process.send_signal(signal.SIGHUP)
    sent = laptop.sender().send(TYPE)
    eventually(laptop.said(sent.event["id"], "done"))
    assert laptop.end() == 0


# What cannot be.


@pytest.fixture
def handled(make_app: MakeApp) -> Flask:
    """An app with a handler, and with a key of YCloud's API."""
    on_event(TYPE)(print)
    return make_app(YCLOUD_API_KEY=KEY, YCLOUD_API_URL="http://127.0.0.1:9/v2")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["notaurl"], "'notaurl' is not a host or a URL."),
        (["ftp://example.org"], "is not a host or a URL."),
        (
            ["a.example", "--event", "sms.mesage.updated"],
            "did you mean 'sms.message.updated'",
        ),
        (["a.example", "--event", "contact.attributes_changed"], "--attribute NAME"),
        (["a.example", "--tenant", "acme"], "needs the API key of the tenant's account"),
    ],
)
def test_what_cannot_be(handled: Flask, args: list[str], message: str) -> None:
    result = call(handled, "listen", *args)
    assert result.exit_code == 2
    assert message in result.output


def test_without_an_api_key(app: Flask) -> None:
    result = call(app, "listen", "a.example")
    assert result.exit_code == 1
    assert "YCLOUD_API_KEY is not set." in result.output
    assert "Developers → API keys" in result.output


def test_without_httpx(handled: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flask_ycloud.api", None)
    result = call(handled, "listen", "a.example")
    assert result.exit_code == 1
    assert "pip install 'flask-ycloud[api]'" in result.output


def test_without_handlers(make_app: MakeApp) -> None:
    result = call(make_app(YCLOUD_API_KEY=KEY), "listen", "a.example")
    assert result.exit_code == 2
    assert "The app has no handlers, so there is nothing to subscribe to." in result.output


def test_handlers_for_attributes_only(make_app: MakeApp) -> None:
    on_event("contact.attributes_changed")(print)
    result = call(make_app(YCLOUD_API_KEY=KEY), "listen", "a.example")
    assert result.exit_code == 2
    assert "needs attributes: --attribute NAME" in result.output


@pytest.mark.filterwarnings("ignore::flask_ycloud.UnknownEventTypeWarning")
def test_a_type_that_is_handled_though_not_documented(
    make_app: MakeApp, account: YCloudAPI
) -> None:
    on_event("sms.brand.new")(print)
    app = make_app(YCLOUD_API_KEY=API_KEY)
    account.failures = [problem(403, "FORBIDDEN", "No.")]
    result = call(app, "listen", "a.example", "--event", "sms.brand.new", "--port", "0")
    assert result.exit_code == 1
    assert "FORBIDDEN" in result.output


def test_warnings_about_the_url(make_app: MakeApp, account: YCloudAPI) -> None:
    on_event(TYPE)(print)
    app = make_app(YCLOUD_API_KEY=API_KEY)
    account.failures = [problem(403, "FORBIDDEN", "No.")]
    result = call(app, "listen", "http://a.example/in?x=1", "--port", "0")
    assert "The URL has no HTTPS" in result.output
    assert "has the path /in, and the app receives at /ycloud/webhook" in result.output
    assert "FORBIDDEN" in result.output


def test_the_folder_cannot_be_written(
    make_app: MakeApp, account: YCloudAPI, tmp_path: Path
) -> None:
    on_event(TYPE)(print)
    app = make_app(YCLOUD_API_KEY=API_KEY)
    (tmp_path / "file").touch()
    app.instance_path = str(tmp_path / "file")
    result = call(app, "listen", "a.example", "--port", "0")
    assert result.exit_code == 1
    assert "cannot be written" in result.output
    assert account.endpoints == {}
