"""Blank, short and well-known secrets: anybody could sign with them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_ycloud import ConfigurationError, WebhookBlueprint, sign
from flask_ycloud.inspector import inspector_bp
from flask_ycloud.secret_checks import weakness_of

from ..cli.support import findings
from ..conftest import MakeApp
from ..inspector.support import PAGE, token, words
from ..processes import _free_port, answers
from ..support import PATH, SECRET, body_of, deliver, eventually

ROOT = Path(__file__).parent.parent.parent
WEAK = ["whsec_...", "whsec_…", "whsec_replace_me", "k", "fifteen letters", b"whsec_..."]
REMEDY = "Set the one that YCloud shows: Developers → Webhooks."


def text_of(secret: str | bytes) -> str:
    return secret if isinstance(secret, str) else secret.decode()


@pytest.mark.parametrize("secret", WEAK)
def test_weak_secrets(secret: str | bytes) -> None:
    assert weakness_of((secret,)) is not None
    assert weakness_of((SECRET, secret)) is not None
    assert weakness_of((SECRET, SECRET.encode(), "sixteen letters.")) is None


PADDED = ["  ", " \n", f"{SECRET}\n", f" {SECRET}", f"{SECRET}\n".encode(), b" "]


@pytest.mark.parametrize("secret", [*PADDED, *([SECRET, each] for each in PADDED)])
def test_white_space_is_refused_at_start(make_app: MakeApp, secret: Any) -> None:
    """Under tests, too: it is never meant."""
    with pytest.raises(ConfigurationError) as caught:
        make_app(YCLOUD_WEBHOOK_SECRET=secret)
    assert str(caught.value) == (
        "YCLOUD_WEBHOOK_SECRET: the secret is blank or has white space around it, such as"
        " the line break at the end of a file. It would be part of the secret. Remove it,"
        " for example with .strip()."
    )


@pytest.mark.parametrize("secret", [*PADDED, [SECRET, " "]])
def test_white_space_from_a_function_is_a_503(make_app: MakeApp, secret: Any) -> None:
    body = body_of()
    for app in (
        make_app(YCLOUD_WEBHOOK_SECRET=lambda: secret),
        make_app(WebhookBlueprint("ycloud", secrets=lambda *_: secret)),
    ):
        assert deliver(app, body).status_code == 503


# Where a weak one is taken.


def asked(app: Flask, secret: str | bytes, server: str = "gunicorn/23") -> TestResponse:
    body = body_of()
    headers = {"YCloud-Signature": sign(body, text_of(secret))}
    return app.test_client().post(
        PATH, data=body, headers=headers, environ_overrides={"SERVER_SOFTWARE": server}
    )


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if each.name.endswith("weak_secrets")]


@pytest.mark.parametrize("secret", WEAK)
def test_a_weak_secret_takes_no_delivery(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, secret: str | bytes
) -> None:
    app = make_app(TESTING=False, YCLOUD_WEBHOOK_SECRET=secret, YCLOUD_DISPATCH="manual")
    assert asked(app, secret).status_code == 503
    assert (
        "Deliveries at ycloud cannot be verified: YCLOUD_WEBHOOK_SECRET: the" in caplog.text
    )
    assert (
        "only under app.testing, in debug mode and by flask run. " + REMEDY in caplog.text
    )
    assert f" {text_of(secret)} " not in caplog.text


def test_the_real_one_may_be_in_the_environment(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The app has a placeholder, and does not read what was set."""
    monkeypatch.setenv("FLASK_YCLOUD_WEBHOOK_SECRET", SECRET)
    app = make_app(TESTING=False, YCLOUD_WEBHOOK_SECRET="whsec_...")
    assert asked(app, "whsec_...").status_code == 503
    assert (
        "FLASK_YCLOUD_WEBHOOK_SECRET is in the environment, and app.config has another"
        " value. To use the value in the environment: Call app.config.from_prefixed_env()"
    ) in caplog.text
    assert SECRET not in caplog.text


def test_a_weak_secret_among_others_or_from_a_function(make_app: MakeApp) -> None:
    config = {"TESTING": False, "YCLOUD_DISPATCH": "manual"}
    for app in (
        make_app(YCLOUD_WEBHOOK_SECRET=[SECRET, "k"], **config),
        make_app(YCLOUD_WEBHOOK_SECRET=lambda: "k", **config),
        make_app(WebhookBlueprint("ycloud", secrets=lambda *_: "k"), **config),
    ):
        assert asked(app, SECRET).status_code == 503
        assert asked(app, "k").status_code == 503


def test_tests_may_have_any(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """Also where they say so after the registration."""
    app = make_app(TESTING=False, YCLOUD_WEBHOOK_SECRET="k")
    app.testing = True
    assert asked(app, "k").status_code == 200
    assert warned(caplog) == []


@pytest.mark.parametrize("how", ["debug", "flask run"])
def test_who_tries_things_may_have_any(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    app = make_app(
        TESTING=False, YCLOUD_WEBHOOK_SECRET="whsec_...", YCLOUD_DISPATCH="manual"
    )
    app.debug = how == "debug"
    server = "Werkzeug/3.1" if how == "flask run" else ""
    for _ in range(2):
        assert asked(app, "whsec_...", server).status_code == 200
    assert warned(caplog) == [
        "YCLOUD_WEBHOOK_SECRET: the secret is a placeholder of the documentation, which"
        f" anybody can sign with. In production it is refused. {REMEDY}"
    ]


def test_a_sample_of_the_inspector_comes_from_the_same_server(make_app: MakeApp) -> None:
    app = make_app(
        TESTING=False, YCLOUD_WEBHOOK_SECRET="whsec_...", YCLOUD_DISPATCH="manual"
    )
    app.register_blueprint(inspector_bp, access=lambda: True)
    client = app.test_client()
    client.environ_base["SERVER_SOFTWARE"] = "Werkzeug/3.1"
    form = {"csrf_token": token(client, f"{PAGE}send"), "body": body_of().decode()}
    assert "Answered 200" in words(client.post(f"{PAGE}send", data=form))


def test_the_doctor_says_so(make_app: MakeApp) -> None:
    text = "its secret is a placeholder of the documentation, which anybody can sign with."
    app = make_app(TESTING=False, YCLOUD_WEBHOOK_SECRET="whsec_...")
    assert findings(app)["secret"] == [("error", f"ycloud: {text}", REMEDY)]
    app.testing = True
    assert findings(app)["secret"] == [("warning", f"ycloud: {text}", REMEDY)]


# Servers.


@pytest.mark.parametrize("server", ["gunicorn", "uwsgi"])
def test_such_a_server_does_not_start(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    if server == "gunicorn":
        monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/23.0.0")
    else:
        monkeypatch.setitem(sys.modules, "uwsgi", types.ModuleType("uwsgi"))
    with pytest.raises(ConfigurationError, match="can be guessed"):
        make_app(TESTING=False, YCLOUD_WEBHOOK_SECRET="k")
    make_app(TESTING=False, DEBUG=True, YCLOUD_WEBHOOK_SECRET="k")
    make_app(YCLOUD_WEBHOOK_SECRET="k")
    make_app(TESTING=False, YCLOUD_WEBHOOK_SECRET=lambda: "k")
    make_app(TESTING=False)


@pytest.fixture
def pasted(tmp_path: Path) -> Path:
    """The first block of the README, in a folder of its own."""
    blocks = re.search(r"code-block:: python\n\n((?:    .*\n|\n)+)", readme())
    assert blocks is not None
    (tmp_path / "app.py").write_text(re.sub("^    ", "", blocks[1], flags=re.M))
    return tmp_path


def readme() -> str:
    return (ROOT / "README.rst").read_text()


def flask(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", *args]
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=60)


@contextmanager
def running(folder: Path, *args: str) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", *args]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_the_first_run_of_the_readme(pasted: Path) -> None:
    assert "``flask run``" in readme()
    port = _free_port()
    with running(pasted, "flask", "run", "--port", str(port)):
        eventually(lambda: answers(port))
        url = f"http://127.0.0.1:{port}{PATH}"
        for _ in range(2):
            sent = flask(pasted, "ycloud", "send", "sms.message.updated", "--url", url)
            assert sent.returncode == 0, sent.stderr
            assert '200 {"status": "accepted"}' in sent.stdout
        eventually(lambda: (pasted / "log").read_text().count(" delivered") >= 2)
    log = (pasted / "log").read_text()
    assert log.count("YCLOUD_WEBHOOK_SECRET: the secret is a placeholder of the") == 1
    found = flask(pasted, "ycloud", "doctor", "--json")
    assert found.returncode == 1
    secret = next(each for each in json.loads(found.stdout) if each["about"] == "secret")
    assert secret["level"] == "error"
    assert secret["text"].startswith("ycloud: its secret is a placeholder of the")


def test_the_same_app_in_gunicorn_does_not_start(pasted: Path) -> None:
    with running(pasted, "gunicorn", "-b", f"127.0.0.1:{_free_port()}", "app:app"):
        eventually(lambda: "Worker failed to boot" in (pasted / "log").read_text())
    assert (
        "ConfigurationError: YCLOUD_WEBHOOK_SECRET: the secret is a placeholder"
        in (pasted / "log").read_text()
    )
