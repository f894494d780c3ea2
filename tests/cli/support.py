"""The doctor, for its tests."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask

from ..support import PATH, SECRET, call
from ..ycloud_api import YCloudAPI

TYPE = "sms.message.updated"

#: Level, text and remedy.
Words = tuple[str, str, str]


def findings(app: Flask, *options: str) -> dict[str, list[Words]]:
    """The doctor's findings, by check. The exit status must match them."""
    result = call(app, "doctor", "--json", *options)
    found = json.loads(result.output)
    broken = any(each["level"] == "error" for each in found)
    assert result.exit_code == (1 if broken else 0)
    by_check: dict[str, list[Words]] = {}
    for each in found:
        assert list(each) == ["about", "level", "text", "remedy"]
        if each["level"] in ("warning", "error"):
            assert each["remedy"], each
        words = (each["level"], each["text"], each["remedy"])
        by_check.setdefault(each["about"], []).append(words)
    return by_check


def only(app: Flask, check: str, *options: str) -> list[Words]:
    """The findings of one check. There must be no others."""
    found = findings(app, "--only", check, *options)
    assert set(found) <= {check}
    return found.get(check, [])


def levels(app: Flask, check: str) -> list[str]:
    """The levels of the findings of one check."""
    return [level for level, *_ in only(app, check)]


def endpoint(account: YCloudAPI, **changes: Any) -> None:
    """Give the account an endpoint that fits the app, except for these changes."""
    account.endpoints["wh1"] = {
        "id": "wh1",
        "url": f"https://example.org{PATH}",
        "status": "active",
        "secret": SECRET,
        "enabledEvents": [TYPE],
        **changes,
    }
