"""``verify``: why a signature fails."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ycloud import WebhookBlueprint, sign, ycloud_bp

from ..conftest import MakeApp
from ..support import SECRET, body_of, call


@pytest.fixture
def verified(make_app: MakeApp, tmp_path: Path) -> Any:
    app = make_app(ycloud_bp, WebhookBlueprint("eu", secret_key="EU"), EU=["eu secret"])

    def verify(body: bytes, header: str, *options: str) -> str:
        file = tmp_path / "body"
        file.write_bytes(body)
        args = ("verify", "--header", header, "--body-file", str(file), *options)
        result = call(app, *args)
        assert result.exit_code == (0 if "is right" in result.output else 1)
        return result.output

    return verify


def test_a_right_signature(verified: Any) -> None:
    body = body_of()
    right = "The signature is right, and was made "
    assert verified(body, sign(body, SECRET)).startswith(right)
    assert verified(body, f"YCloud-Signature: {sign(body, SECRET)}").startswith(right)
    header = sign(body, "eu secret")
    assert verified(body, header, "--endpoint", "eu").startswith(right)


def test_a_wrong_secret(verified: Any) -> None:
    body = body_of()
    assert "No secret in the settings gives" in verified(body, sign(body, "other"))
    assert "No secret in the settings gives" in verified(b"hello", sign(b"x", "other"))
    found = verified(body, sign(body, "eu secret"))
    assert "signed with the secret of the endpoint 'eu', not 'ycloud'" in found
    assert "No endpoint 'us'" in verified(body, sign(body, SECRET), "--endpoint", "us")


def test_a_stale_signature(verified: Any) -> None:
    body = body_of()
    header = sign(body, SECRET, timestamp=int(time.time()) - 90_000)
    assert "The signature was made 9000" in verified(body, header)


def test_a_malformed_header(verified: Any) -> None:
    assert "needs one t=<unix seconds>" in verified(b"{}", "s=" + 64 * "0")
    assert "an element without '='" in verified(b"{}", "")


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_body_that_was_re_serialised(
    verified: Any, separators: tuple[str, str], ascii_only: bool
) -> None:
    event = json.loads(body_of()) | {"name": "Zoë"}
    written = json.dumps(event, separators=separators, ensure_ascii=ascii_only).encode()
    changed = json.dumps(event, indent=2).encode()
    assert "it was parsed and written again as JSON" in verified(
        changed, sign(written, SECRET)
    )


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("sent_indent", [1, 2, 3, 4, 8, "\t", None])
@pytest.mark.parametrize(
    "kept",
    [{"indent": 2}, {"indent": 4}, {"separators": (",", ":")}, {"sort_keys": False}],
)
def test_a_body_that_was_laid_out_in_another_way(
    verified: Any, sent_indent: Any, kept: dict[str, Any], end: str
) -> None:
    event = json.loads(body_of())
    sent = json.dumps(event, indent=sent_indent) + end
    now = json.dumps(event, **kept)
    if now != sent:
        found = verified(now.encode(), sign(sent.encode(), SECRET))
        assert "The body was changed after it was signed: " in found


@pytest.mark.parametrize(
    ("sent_body", "kept", "what"),
    [
        (b"{}", b"{}\n", "white space was added around it"),
        (b"{}\n", b"{}", "the line break at its end was removed"),
        (b'{\n"a": 1}', b'{\r\n"a": 1}', "its line breaks were changed"),
        (b"x", b" x", "white space was added"),
    ],
)
def test_a_body_with_other_white_space(
    verified: Any, sent_body: bytes, kept: bytes, what: str
) -> None:
    found = verified(kept, sign(sent_body, SECRET))
    assert f"The body was changed after it was signed: {what}" in found


def test_no_file(app: Flask) -> None:
    result = call(app, "verify", "--header", "t=1", "--body-file", "/no/such/file")
    assert result.exit_code == 2
    assert "No such file" in result.output
