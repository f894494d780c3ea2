"""The example with many customers: its demo, and what its commands refuse."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from flask_ycloud.testing import FakeYCloudAPI

EXAMPLE = Path(__file__).parent.parent / "examples" / "tenants"
Shop = Callable[..., subprocess.CompletedProcess[str]]


def run(command: list[str], **options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=EXAMPLE, text=True, timeout=120,
        input=options.pop("text", ""), env=os.environ | options,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_the_demo_runs_with_one_command() -> None:
    done = run(["demo.py"])
    assert done.returncode == 0, done.stdout
    for line in (
        "✓ acme is onboarded",
        "✓ beta is onboarded",
        "✓ no secret is in the database unencrypted",
        "✓ beta's URL rejects acme's secret",
        "✓ its URL answers 401",
        "✓ the worker handles all events, also acme's",
    ):
        assert line in done.stdout.splitlines()
    assert "✗" not in done.stdout


@pytest.fixture
def api() -> Iterator[FakeYCloudAPI]:
    with FakeYCloudAPI("key of acme") as api:
        yield api


@pytest.fixture
def shop(tmp_path: Path, api: FakeYCloudAPI) -> Shop:
    environ = {
        "CUSTOMER_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": f"sqlite:///{tmp_path}/shop.db",
        "FLASK_YCLOUD_API_URL": api.url,
    }

    def shop(*args: str, **options: str) -> subprocess.CompletedProcess[str]:
        return run(["-m", "flask", "--app", "shop", *args], **(environ | options))

    shop("create-tables")
    return shop


def test_a_customer_is_onboarded_once(shop: Shop, api: FakeYCloudAPI) -> None:
    onboard = ("onboard", "--api-key-stdin")
    done = shop(*onboard, "acme", text="key of acme")
    assert (done.returncode, "key of acme" in done.stdout) == (0, False), done.stdout
    (endpoint,) = api.endpoints("key of acme").values()
    assert endpoint["url"] == "https://shop.example.org/hooks/acme/webhook"
    for name, said in (
        ("acme", "The customer acme exists already."),
        ("a/b", "digits and hyphens"),
    ):
        refused = shop(*onboard, name, text="key of acme")
        assert refused.returncode != 0
        assert said in refused.stdout
    assert len(api.endpoints("key of acme")) == 1


def test_a_failure_shows_no_secret_and_can_be_repeated(
    shop: Shop, api: FakeYCloudAPI, tmp_path: Path
) -> None:
    refuse = (
        "CREATE TRIGGER t BEFORE INSERT ON customers BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    onboard = ("onboard", "--api-key-stdin", "acme")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute(refuse)
        failed = shop(*onboard, text="key of acme")
        database.execute("DROP TRIGGER t")
    assert "IntegrityError" in failed.stdout
    (endpoint,) = api.endpoints("key of acme").values()
    assert endpoint["secret"] not in failed.stdout
    assert "key of acme" not in failed.stdout
    done = shop(*onboard, text="key of acme")
    assert f"by the endpoint {endpoint['id']}" in done.stdout
    assert len(api.endpoints("key of acme")) == 1


def test_a_customer_may_leave_without_an_api_key(shop: Shop, api: FakeYCloudAPI) -> None:
    shop("onboard", "--api-key-stdin", "acme", text="key of acme")
    del api.accounts["key of acme"]
    left = shop("offboard", "acme")
    assert left.returncode == 0
    assert "The endpoint may still exist" in left.stdout
    assert "acme is not served any more." in left.stdout
    assert "There is no customer acme." in shop("offboard", "acme").stdout
