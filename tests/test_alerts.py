"""The alert rules and the dashboard: they ask for metrics that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Choice, Context
from flask import Flask

from flask_ycloud import on_event
from flask_ycloud.cli import ycloud_cli
from flask_ycloud.metrics import metrics_bp
from flask_ycloud.runtime import runtime_of

from .conftest import MakeApp
from .support import PATH, body_of, call, deliver

TYPE = "sms.message.updated"
EXAMPLES = Path(__file__).parent.parent / "examples"
RULES = EXAMPLES / "prometheus" / "alerts.yml"
TESTS = EXAMPLES / "prometheus" / "alerts.test.yml"
DASHBOARD = EXAMPLES / "grafana" / "ycloud.json"


def rules() -> list[dict[str, Any]]:
    """Every alert rule."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    """What the dashboard asks for."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def names(expressions: list[str]) -> set[str]:
    return {name for each in expressions for name in re.findall(r"ycloud_\w+", each)}


@pytest.fixture
def exposed(make_app: MakeApp) -> str:
    """A scrape of an app to which everything has happened."""
    app = make_app(TESTING=False, YCLOUD_DISPATCH="manual", YCLOUD_RETRY_DELAYS=[60])
    app.register_blueprint(metrics_bp, access=lambda: True)
    _let_everything_happen(app)
    return app.test_client().get("/ycloud/metrics").text


def _let_everything_happen(app: Flask) -> None:
    on_event(TYPE, name="good")(lambda event: None)
    on_event(TYPE, name="bad")(_fail)
    body = body_of()
    for each in (body, body, body + b" ", b"hello"):
        deliver(app, each)
    app.test_client().post(PATH, data=b"{}")
    runtime_of(app).inbox.pause(type="contact.*")
    assert call(app, "worker", "--once").exit_code == 0


def _fail(event: object) -> None:
    raise ValueError


@pytest.mark.parametrize("where", ["rules", "dashboard"])
def test_every_metric_is_exposed(exposed: str, where: str) -> None:
    asked = names([each["expr"] for each in rules()] if where == "rules" else queries())
    assert len(asked) >= 14
    missing = [
        name for name in asked if not re.search(rf"^{name}[{{ ]", exposed, flags=re.M)
    ]
    assert missing == []


def test_the_dashboard_shows_what_the_rules_ask_for() -> None:
    assert names([each["expr"] for each in rules()]) <= names(queries())


def test_each_rule_says_what_to_do() -> None:
    context = Context(ycloud_cli)
    doctor = ycloud_cli.get_command(context, "doctor")
    assert doctor is not None
    (only,) = (each.type for each in doctor.params if each.name == "only")
    assert isinstance(only, Choice)
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
        description = rule["annotations"]["description"]
        command = re.search(r"(flask ycloud (\w+)|curl)", description)
        assert command, f"{rule['alert']} names no command"
        assert command[2] is None or command[2] in ycloud_cli.list_commands(context)
        assert set(re.findall(r"--only (\w+)", description)) <= set(only.choices)


def test_each_rule_has_a_test() -> None:
    tested = TESTS.read_text()
    for rule in rules():
        assert f'alertname="{rule["alert"]}"' in tested, rule["alert"]


def test_promtool_runs_them() -> None:
    here = Path(sys.executable).parent
    promtool = shutil.which("promtool", path=f"{here}{os.pathsep}{os.environ['PATH']}")
    if promtool is None:
        pytest.skip("promtool is not installed: make promtool")
    for command in (("check", "rules", RULES), ("test", "rules", TESTS)):
        ran = subprocess.run(
            [promtool, *command], capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
