"""The page about settings: secrets from files, as the page reads them."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ycloud.runtime import runtime_of

from .support import SECRET, body_of, deliver, id_of

PAGE = (Path(__file__).parent.parent / "docs" / "configuration.rst").read_text("utf-8")
SECTION = PAGE.partition("Secrets from files\n")[2].partition("Misspelt names\n")[0]
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", SECTION)
]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What a platform mounts, with the line break that editors and echo leave."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "webhook_secret").write_text(f"{SECRET}\n")
    (folder / "inbox_url").write_text(f"sqlite:///{tmp_path}/inbox.db\n")
    (folder / "api_key").write_text("the API key\n")
    (folder / "settings.json").write_text(json.dumps({"YCLOUD_WORKER_THREADS": 7}))
    return folder


def run(secrets: Path, which: slice = slice(None)) -> dict[str, Any]:
    code = "".join(BLOCKS[which])
    assert "/run/secrets" in code
    namespace: dict[str, Any] = {"__name__": "documented"}
    exec(code.replace("/run/secrets", str(secrets)), namespace)
    return namespace


def test_secrets_from_files(secrets: Path, tmp_path: Path) -> None:
    app: Flask = run(secrets, slice(1))["receiver"]
    app.config["TESTING"] = True
    body = body_of()
    assert deliver(app, body).status_code == 200
    assert (tmp_path / "inbox.db").exists()
    stored = runtime_of(app).inbox.get(id_of(body))
    assert stored is not None


def test_a_new_secret_needs_no_restart(secrets: Path) -> None:
    app: Flask = run(secrets, slice(1))["receiver"]
    app.config["TESTING"] = True
    new = "whsec_that_comes_next"
    (secrets / "webhook_secret").rename(secrets / "away")
    assert deliver(app, body_of()).status_code == 503
    (secrets / "webhook_secret").write_text(f"{new}\n")
    assert deliver(app, body_of(), secret=new).status_code == 200
    assert deliver(app, body_of()).status_code == 401


def test_while_rotating_both_secrets_are_taken(secrets: Path) -> None:
    namespace = run(secrets, slice(1))
    (function,) = re.findall(r"``(lambda: [^`]*split\(\))``", SECTION)
    (secrets / "webhook_secret").write_text(f"whsec_the_new_one_of_two\n{SECRET}\n")
    assert eval(function, namespace)() == ["whsec_the_new_one_of_two", SECRET]


def test_other_settings_are_read_at_the_start(secrets: Path) -> None:
    namespace = run(secrets)
    app = Flask("shop")
    namespace["read_secrets"](app, secrets)
    assert app.config["YCLOUD_API_KEY"] == "the API key"
    assert app.config["YCLOUD_WORKER_THREADS"] == 7
